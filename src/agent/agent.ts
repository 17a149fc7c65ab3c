import { EventEmitter } from "node:events";
import { join } from "node:path";
import { Demotion } from "../carp/demotion.js";
import { adminAddress } from "../config/admin-address.js";
import type { Config } from "../config/schema.js";
import { drainSpool } from "../control/spool.js";
import { Journal } from "../journal/journal.js";
import { createLink, type PeerLink } from "../peer/link.js";
import { prepareProbes } from "../peer/probe.js";
import { errorFields, inBackground } from "../platform/background.js";
import { withDeadline } from "../platform/clock.js";
import { ensureDirectory } from "../platform/files.js";
import type { Logger } from "../platform/log.js";
import { Mutex } from "../platform/mutex.js";
import { ownerNamed, ownerOfDirectory } from "../platform/owner.js";
import { AdminClient } from "../proxysql/admin-client.js";
import { NodeState } from "../ship/node-state.js";
import { Shipper } from "../ship/shipper.js";
import { Staging } from "../ship/staging.js";
import { defaultKeepLocal, parseKeepLocal } from "../snapshot/keep-local.js";
import { openStore } from "../snapshot/store.js";
import { bootIdentity } from "./boot.js";
import { BothMasters } from "./both-masters.js";
import { Care } from "./care.js";
import type { AgentContext } from "./context.js";
import { listenToDevd } from "./devd-pipe.js";
import { DivergenceReports } from "./divergence.js";
import { Drills } from "./drills.js";
import { peerFences } from "./fence-peers.js";
import type { Fencing, FencingParts } from "./fencing.js";
import { hearPeer } from "./hear-peer.js";
import { HttpPage } from "./http-page.js";
import { httpSources } from "./http-sources.js";
import { cutOff, makeKeeper } from "./lock-steps.js";
import { Maintenance } from "./maintenance.js";
import { Observer } from "./observer.js";
import { PeerBoard } from "./peer-board.js";
import { Reconciler } from "./reconciler.js";
import { Recovery } from "./recovery.js";
import { recoverRestore } from "./restore.js";
import { RestoreRecord } from "./restore-record.js";
import { type Desk, serveSockets } from "./sockets.js";
import { Shooting } from "./stonith.js";
import { SwitchoverRecord } from "./switchover-record.js";
import { Switchovers } from "./switchovers.js";
import { Trial } from "./trial.js";
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
  // Loaded only where it is configured: the others do without its memory.
  const fencingModule = config.orchestrator && (await import("./fencing.js"));
  const node = await compose(config, log, await bootIdentity(config.node.run_dir), {
    lost,
    createFencing: (parts) =>
      fencingModule && config.orchestrator ? new fencingModule.Fencing(parts, config.orchestrator) : null,
  });
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

interface Outside {
  /** Tells of ProxySQL's admin connection (`proxysql`) and of the lock (`lock`, with why, or null if it came). */
  readonly lost: EventEmitter;
  readonly createFencing: (parts: FencingParts) => Fencing | null;
}

async function compose(
  config: Config,
  log: Logger,
  boot: string,
  { lost, createFencing }: Outside,
): Promise<AgentContext> {
  const { state_dir } = config.node;
  const journal = Journal.open(join(state_dir, "journal.db"), (error) =>
    log.error(errorFields(error), "the journal cannot be written"),
  );
  const state = new NodeState(journal);
  if (state.leadsAsAnother(config.node.name)) {
    log.info(`this node has a new name, ${config.node.name}, and opens an epoch of its own`);
    state.release();
  }
  const store = openStore(state_dir);
  const proxysqlOwner = (): ReturnType<typeof ownerNamed> =>
    config.proxysql.owner === undefined
      ? ownerOfDirectory(config.proxysql.datadir, "[proxysql] datadir")
      : ownerNamed(config.proxysql.owner);
  const staging = new Staging(join(state_dir, "staging"), proxysqlOwner);
  const admin = new AdminClient(adminAddress(config), () => lost.emit("proxysql"));
  const keeper = {
    read: (): unknown => journal.read("demotion"),
    write: (record: unknown): void => journal.write({ demotion: record }),
  };
  const demotion = new Demotion(keeper, boot);
  const links = createLinks(config, log);
  const board = new PeerBoard(links, log);
  const configLock = new Mutex();
  const restore = new RestoreRecord(journal);
  const fencing = createFencing({ config, log, journal, admin, configLock });
  const shipper = new Shipper({
    config,
    log,
    journal,
    state,
    store,
    staging,
    admin,
    links,
    configLock,
    isHeld: () => restore.holdsTaking(state.leads),
    lift: (file) => fencing?.lift(file),
    onShipped: (peer) => inBackground(log, `asking ${peer}`, board.ask(peer)),
    onOutranked: (peer) => inBackground(log, `asking ${peer}`, board.ask(peer)),
    peerIsMaster: (peer) => board.roleOf(peer) === "MASTER",
  });
  board.onNews((peer) => shipper.release(peer));
  return {
    config,
    log,
    journal,
    state,
    store,
    staging,
    admin,
    links,
    board,
    shipper,
    divergence: new DivergenceReports({ config, log, journal, state, store, staging, links, board }),
    configLock,
    proxysqlOwner,
    demotion,
    fencing,
    care: new Care(config, journal, demotion),
    maintenance: new Maintenance(journal),
    switchover: new SwitchoverRecord(journal),
    shooting: new Shooting({
      config,
      journal,
      log,
      board,
      node: config.node.name,
      isLinkUp: (peer) => links.get(peer)?.view.state === "up",
    }),
    trial: new Trial(journal),
    lock: await makeKeeper(config, journal, log, (why) => lost.emit("lock", why)),
    restore,
    keepLocal: parseKeepLocal(config.proxysql.keep_local ?? defaultKeepLocal),
    kept: join(state_dir, "kept"),
    installed: { rows: {} },
  };
}

function createLinks(config: Config, log: Logger): Map<string, PeerLink> {
  return new Map(
    config.peer.map(({ name, host, port, user, key_file, host_key }) => [
      name,
      createLink({
        node: config.node.name,
        version,
        peer: { name, host, port, user, keyFile: key_file, hostKey: host_key },
        log,
      }),
    ]),
  );
}

async function prepareDirectories({ node }: Config): Promise<void> {
  await ensureDirectory(node.state_dir, 0o711);
  await ensureDirectory(node.run_dir, 0o755);
  for (const box of ["inbox", "outbox", "quarantine"])
    await ensureDirectory(join(node.state_dir, box), 0o700);
  await prepareProbes(node.state_dir);
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
