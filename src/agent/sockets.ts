import { join } from "node:path";
import {
  type ControlAnswer,
  type ControlRequest,
  controlRequestSchema,
  type FenceRequest,
  fenceRequestSchema,
  type PeerRequest,
  peerRequestSchema,
} from "../control/protocol.js";
import { type ControlServer, serveControl } from "../control/server.js";
import { readHistory } from "../journal/history.js";
import { inBackground } from "../platform/background.js";
import { isKnown } from "../platform/errors.js";
import { ownerOf } from "../platform/files.js";
import type { MaintenanceView } from "../role/care.js";
import type { AgentContext } from "./context.js";
import type { Drills } from "./drills.js";
import { fenceDocumentOf } from "./fence-facts.js";
import { fencedNames } from "./fence-names.js";
import { knowledgeOfSnapshots } from "./list-snapshots.js";
import type { Observer } from "./observer.js";
import type { Reconciler } from "./reconciler.js";
import { reportOf } from "./report.js";
import { checkRestore, type RestoreResult, restoreSnapshot } from "./restore-snapshot.js";
import { statusOf } from "./status.js";
import { answerSwitchoverAsk } from "./switchover-asked.js";
import type { Switchovers } from "./switchovers.js";
import type { HealthWatch } from "./watch-health.js";

/** What the requests are answered from. */
export interface Desk {
  readonly node: AgentContext;
  readonly observer: Observer;
  readonly reconciler: Reconciler;
  readonly drills: Drills;
  readonly health: HealthWatch;
  readonly switchovers: Switchovers;
  /** A peer says that its role changed: ask it now. */
  readonly askPeer: (name: string) => Promise<void>;
}

/**
 * The agent's Unix sockets: `agent.sock` for root (hook and commands), `peer.sock` for the SSH link's user, who is the
 * owner of the inbox and may only ask how we are and tell what the peer did, and with [orchestrator] `fence.sock` for
 * ProxySQL's user, whose scheduler may have Orchestrator asked.
 */
export async function serveSockets(desk: Desk): Promise<ControlServer> {
  const { run_dir, state_dir } = desk.node.config.node;
  const control = await serveControl(join(run_dir, "agent.sock"), controlRequestSchema, (request) =>
    answerControl(desk, request),
  );
  const linkUser = await ownerOf(join(state_dir, "inbox"));
  const peer = await serveControl(
    join(run_dir, "peer.sock"),
    peerRequestSchema,
    async (request) => answerPeer(desk, request),
    linkUser,
  );
  const fence = await serveFence(desk);
  return {
    async close() {
      await Promise.all([control.close(), peer.close(), fence?.close()]);
    },
  };
}

/** ProxySQL's user may be one that this host does not have yet: the others are served all the same. */
async function serveFence({ node }: Desk): Promise<ControlServer | undefined> {
  if (node.fencing === null) return undefined;
  const path = join(node.config.node.run_dir, "fence.sock");
  const owner = await node.proxysqlOwner().catch((error: unknown) => {
    if (!isKnown(error)) throw error;
    node.log.warn({ error: error.message }, "ProxySQL's scheduler cannot ask for fencing");
    return undefined;
  });
  return serveControl(path, fenceRequestSchema, async (request) => answerFence(node, request), owner);
}

async function answerFence({ fencing }: AgentContext, request: FenceRequest): Promise<ControlAnswer> {
  if (fencing === null) return { ok: false, error: "Without [orchestrator] nothing is fenced." };
  // The scheduler comes again by itself: it asks for one look, and not for a burst of them.
  if (request.op === "fence-now") await fencing.pass();
  else fencing.hint(request.hook);
  const { problem, look } = fencing.state;
  return {
    ok: true,
    fenced: fencedNames(fencing.state),
    problem: problem?.sentence ?? null,
    silence: look?.kind === "none" ? look.why : null,
  };
}

async function releaseFence(
  { fencing }: AgentContext,
  { host, port, force }: Extract<ControlRequest, { op: "fence-release" }>,
): Promise<ControlAnswer> {
  if (fencing === null) return { ok: false, error: "Without [orchestrator] nothing is fenced." };
  return { ok: true, role: await fencing.release({ host, port }, force) };
}

async function answerControl(desk: Desk, request: ControlRequest): Promise<ControlAnswer> {
  const { node, observer, reconciler, drills, health, switchovers } = desk;
  switch (request.op) {
    case "event":
      reconciler.hint(`devd ${request.subsystem} ${request.type}`);
      return { ok: true };
    case "take-accepted":
      return takeNow(node, true);
    case "take":
      return takeNow(node, request.accept === true);
    case "list":
      return { ok: true, ...(await knowledgeOfSnapshots(node, request.limit)) };
    case "restore":
      return { ok: true, restore: await restore(desk, request.id, request.dryRun === true) };
    case "maintenance":
      return { ok: true, maintenance: setMaintenance(desk, request) };
    case "maintenance-status":
      return { ok: true, maintenance: node.maintenance.view() };
    case "fence-status":
      return { ok: true, fence: fenceDocumentOf(node) };
    case "fence-release":
      return releaseFence(node, request);
    case "fence-hint":
    case "fence-now":
      return answerFence(node, request);
    case "drill":
      return { ok: true, drill: await drills.run() };
    case "switchover":
      return { ok: true, switchover: await switchovers.start(request) };
    case "switchover-progress":
      return { ok: true, switchover: await switchovers.progress(request.id) };
    case "switchover-cancel":
      return { ok: true, switchover: await switchovers.cancel(request.id) };
    case "history":
      return { ok: true, history: readHistory(node.journal, node.config.node.name, request) };
    case "status":
      return { ok: true, status: statusOf(node, observer, reconciler, health) };
  }
}

/** null after a dry run: it would not be refused. */
async function restore(desk: Desk, id: string, dryRun: boolean): Promise<RestoreResult | null> {
  const { node, observer, reconciler, switchovers } = desk;
  const parts = { node, observer, reconciler, isSwitching: () => switchovers.isRunning };
  if (!dryRun) return restoreSnapshot(parts, id);
  await checkRestore(parts, id);
  return null;
}

/** `since`: the snapshot that says what is there now, if nothing has changed since. */
async function takeNow({ shipper, store }: AgentContext, accept: boolean): Promise<ControlAnswer> {
  const id = (await shipper.takeNow(accept)) ?? null;
  return { ok: true, id, since: id ?? (await store.list()).at(-1)?.id ?? null };
}

function setMaintenance(
  { node, reconciler }: Desk,
  { on, note, forcePromotion }: Extract<ControlRequest, { op: "maintenance" }>,
): MaintenanceView | null {
  if (on) node.maintenance.on(note, forcePromotion === true);
  else node.maintenance.off();
  node.log.info(`maintenance ${on ? "on" : "off"}`);
  reconciler.hint(`maintenance ${on ? "on" : "off"}`);
  return node.maintenance.view();
}

async function answerPeer(desk: Desk, request: PeerRequest): Promise<ControlAnswer> {
  const { node, observer, reconciler, health, askPeer } = desk;
  switch (request.op) {
    case "received":
      noteReceived(node, request.id);
      reconciler.hint(`received ${request.id}`);
      return { ok: true };
    case "peer-announces":
      // Told by the link's user, so no more than a hint: the peer itself is asked.
      node.log.debug(`${request.node} says that its role is ${request.role} now`);
      if (node.links.has(request.node))
        inBackground(node.log, `asking ${request.node}`, askPeer(request.node));
      return { ok: true };
    case "peer-switchover":
      return answerSwitchoverAsk(desk, request.node, request.ask);
    case "fence-hint":
      return answerFence(node, request);
    case "peer-status":
      return { ok: true, ...reportOf(node, observer, health) };
  }
}

function noteReceived({ journal, log, store, config }: AgentContext, id: string): void {
  journal.addSnapshot({ snapshot: id, event: "received" });
  log.info(`snapshot ${id} received`);
  inBackground(log, "purging the inbox", store.purge("inbox", config.snapshots.keep));
}
