import { EventEmitter } from "node:events";
import type { Config } from "../config/schema.js";
import { drainSpool } from "../control/spool.js";
import { inBackground } from "../platform/background.js";
import { withDeadline } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import { bootIdentity } from "./boot.js";
import { BothMasters } from "./both-masters.js";
import { compose, prepareDirectories } from "./compose.js";
import type { AgentContext } from "./context.js";
import { listenToDevd } from "./devd-pipe.js";
import { Drills } from "./drills.js";
import { peerFences } from "./fence-peers.js";
import { hearPeer } from "./hear-peer.js";
import { HttpPage } from "./http-page.js";
import { httpSources } from "./http-sources.js";
import { cutOff } from "./lock-steps.js";
import { Observer } from "./observer.js";
import { Reconciler } from "./reconciler.js";
import { Recovery } from "./recovery.js";
import { recoverRestore } from "./restore.js";
import { type Desk, serveSockets } from "./sockets.js";
import { Switchovers } from "./switchovers.js";
import { version } from "./version.js";
import { HealthWatch } from "./watch-health.js";

/** A stop takes at most this long; daemon(8) and rc.shutdown wait for us. */
const stopDeadlineMs = 10_000;
/** How often peers are asked how they are. The link itself is watched more often than that. */
const askPeersEveryMs = 2_000;
/** How often the spool is looked into for events that came while we were too busy to answer the hook. */
const spoolEveryMs = 2_000;

/** A switchover that isolation asks for has no operator who waits for it. */
const giveAwayMs = 60_000;
/** How often to see whether a node that gave the address away can come back. */
const recoverEveryMs = 5_000;

export interface Agent {
  /** Ends everything in order, within a bound. ProxySQL and the CARP role stay as they are. */
  stop(): Promise<void>;
}

/** Starts the resident agent: opens what it needs, connects to the peers, and reconciles until it is stopped. */
export async function startAgent(config: Config, log: Logger): Promise<Agent> {
  await prepareDirectories(config);
  const lost = new EventEmitter();
  const node = await compose(config, log, await bootIdentity(config.node.run_dir), lost);
  const drills = new Drills(node);
  const recovery = new Recovery(node, drills);
  const observer: Observer = new Observer(node, () => ({
    fit: health.fitness.fit,
    recovered: recovery.done,
  }));
  const reconciler = new Reconciler(node, observer, (role) => {
    drills.roleSeen(role);
    node.fencing?.nudge();
  });
  const hint = (cause: string): void => reconciler.hint(cause);
  const askPeer = (name: string): Promise<void> => hearPeer(node, name, hint);
  const health = new HealthWatch(node, observer, reconciler, {
    drill: () => drills.last,
    http: () => page?.problem ?? null,
  });
  const switchovers = new Switchovers({ node, observer, health, hint });
  const desk: Desk = { node, observer, reconciler, drills, health, switchovers, askPeer };
  const page = config.http && new HttpPage(config.http.listen, httpSources(desk), log);
  lost.on("proxysql", () => hint("ProxySQL ended its admin connection"));
  lost.on("lock", (why: string | null) => {
    if (why === null) return hint("the lock is held");
    cutOff(node, observer, why);
    reconciler.interrupt("the lock is lost");
  });
  // The socket is also the lock: nothing is touched before we know that no other agent runs.
  const sockets = await serveSockets(desk).catch((error: unknown) => {
    node.journal.close();
    throw error;
  });
  await node.store.sweep();
  await node.staging.sweep();
  await recoverRestore(node);

  const bothMasters = new BothMasters({
    board: node.board,
    journal: node.journal,
    log,
    running: () => node.state.running?.lineage ?? null,
  });
  for (const [name, link] of node.links) {
    link.onUp(() => inBackground(log, `asking ${name}`, askPeer(name)));
    link.start();
  }
  const devd = listenToDevd(hint);
  const timers = [
    every(askPeersEveryMs, log, "asking the peers", () => askPeers(node, hint)),
    every(recoverEveryMs, log, "the way back", () => recovery.look()),
    every(spoolEveryMs, log, "reading the spool", () => readSpool(config, log, hint)),
  ];
  await readSpool(config, log, hint);
  log.info(`agent ${version} of node ${config.node.name} runs, standby ${config.carp.standby}`);
  node.lock?.start();
  reconciler.start();
  drills.start();
  health.start();
  page?.start();
  node.divergence.start();
  node.fencing?.start({
    observer,
    peers: peerFences(node.board, [...node.links.keys()]),
    inMaintenance: () => node.maintenance.view() !== null,
    giveAway: async (to) => {
      await switchovers.start({ to, force: true, dryRun: false, timeoutMs: giveAwayMs });
    },
  });

  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      devd.stop();
      bothMasters.stop();
      const ended = Promise.all([
        sockets.close(),
        drills.stop(),
        page?.stop(),
        health.stop(),
        switchovers.stop(),
        node.lock?.stop(),
        reconciler.stop().then(() => node.shipper.stop()),
        node.divergence.stop(),
        node.fencing?.stop(),
        ...[...node.links.values()].map((link) => link.stop()),
      ]);
      try {
        await withDeadline(ended, stopDeadlineMs, "The agent's stop");
      } finally {
        node.admin.end();
        node.journal.close();
      }
      log.info("agent stopped");
    },
  };
}

/** Does something regularly in the background; a run that takes longer than the interval is not joined by another. */
function every(ms: number, log: Logger, what: string, work: () => Promise<unknown>): NodeJS.Timeout {
  let running = false;
  return setInterval(() => {
    if (running) return;
    running = true;
    inBackground(
      log,
      what,
      work().finally(() => {
        running = false;
      }),
    );
  }, ms);
}

async function askPeers(node: AgentContext, hint: (cause: string) => void): Promise<void> {
  await node.board.askAll();
  for (const { name, best } of node.board.views())
    await node.shipper.peerAnswered(name, best?.lineage ?? null);
  hintIfRival(node, hint);
}

/** Peers' answers matter to a plan only if one holds what ours does not cover; the plan itself decides. */
function hintIfRival({ state, board }: AgentContext, hint: (cause: string) => void): void {
  const ours = state.running?.lineage.epoch ?? 0;
  const rival = board
    .views()
    .find(
      ({ best }) =>
        best !== null &&
        state.leads !== null &&
        best.lineage.epoch >= ours &&
        best.lineage.node !== state.running?.lineage.node,
    );
  if (rival) hint(`peer ${rival.name} holds another lineage`);
}

async function readSpool(config: Config, log: Logger, hint: (cause: string) => void): Promise<void> {
  const events = await drainSpool(config.node.state_dir);
  for (const event of events) {
    if (event) hint(`spooled devd ${event.subsystem} ${event.type}`);
    else log.warn({}, "a file in the spool was no event: removed");
  }
}
