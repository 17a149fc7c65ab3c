import { join } from "node:path";
import { type ControlAnswer, controlRequestSchema, peerRequestSchema } from "../control/protocol.js";
import { type ControlServer, serveControl } from "../control/server.js";
import { inBackground } from "../platform/background.js";
import { ownerOf } from "../platform/files.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import type { Reconciler } from "./reconciler.js";
import { statusOf } from "./status.js";

/**
 * The agent's two Unix sockets: `agent.sock` for root (hook and commands), and `peer.sock` for the SSH link's user, who
 * is the owner of the inbox and may only ask how we are and tell that something came in.
 */
export async function serveSockets(
  node: AgentContext,
  observer: Observer,
  reconciler: Reconciler,
): Promise<ControlServer> {
  const { run_dir, state_dir } = node.config.node;
  const control = await serveControl(join(run_dir, "agent.sock"), controlRequestSchema, async (request) => {
    if (request.op === "event") {
      reconciler.hint(`devd ${request.subsystem} ${request.type}`);
      return { ok: true };
    }
    if (request.op === "take-accepted") return { ok: true, id: (await node.shipper.takeAccepted()) ?? null };
    return { ok: true, status: statusOf(node, observer, reconciler) };
  });
  const linkUser = await ownerOf(join(state_dir, "inbox"));
  const peer = await serveControl(
    join(run_dir, "peer.sock"),
    peerRequestSchema,
    async (request): Promise<ControlAnswer> => {
      if (request.op === "received") {
        noteReceived(node, request.id);
        reconciler.hint(`received ${request.id}`);
        return { ok: true };
      }
      return { ok: true, ...reportOf(node, observer) };
    },
    linkUser,
  );
  return {
    async close() {
      await Promise.all([control.close(), peer.close()]);
    },
  };
}

function noteReceived({ journal, log, store, config }: AgentContext, id: string): void {
  journal.addSnapshot({ snapshot: id, event: "received" });
  log.info(`snapshot ${id} received`);
  inBackground(log, "purging the inbox", store.purge("inbox", config.snapshots.keep));
}

/** What a peer may know of us. */
function reportOf({ state, config }: AgentContext, { carp, proxysql }: Observer): Record<string, unknown> {
  return {
    role: carp.role,
    vhids: carp.vhids,
    standby: config.carp.standby,
    leads: state.leads,
    running: state.running?.lineage ?? null,
    proxysql: {
      up: proxysql?.running ?? false,
      serving: proxysql?.serving ?? false,
      version: proxysql?.version ?? null,
    },
  };
}
