import type { EventEmitter } from "node:events";
import { join } from "node:path";
import { Demotion } from "../carp/demotion.js";
import { adminAddress } from "../config/admin-address.js";
import type { Config } from "../config/schema.js";
import { emptyLatch, isIdle, readLatch } from "../fence/latch.js";
import { Journal } from "../journal/journal.js";
import { createLink, type PeerLink } from "../peer/link.js";
import { prepareProbes } from "../peer/probe.js";
import { errorFields, inBackground } from "../platform/background.js";
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
import { Care } from "./care.js";
import type { AgentContext } from "./context.js";
import { DivergenceReports } from "./divergence.js";
import type { Fencing, FencingParts } from "./fencing.js";
import { makeKeeper } from "./lock-steps.js";
import { Maintenance } from "./maintenance.js";
import { PeerBoard } from "./peer-board.js";
import { RestoreRecord } from "./restore-record.js";
import { Shooting } from "./stonith.js";
import { SwitchoverRecord } from "./switchover-record.js";
import { Trial } from "./trial.js";
import { version } from "./version.js";

/**
 * Opens and puts together the parts of an agent. Nothing is connected or begun yet. `lost` tells of ProxySQL's admin
 * connection (`proxysql`) and of the lock (`lock`, with why, or null if it came).
 */
export async function compose(
  config: Config,
  log: Logger,
  boot: string,
  lost: EventEmitter,
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
  const fencing = await createFencing({ config, log, journal, admin, configLock });
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

/**
 * Loaded only where it is configured, or where something is held from when it was: the others do without its memory.
 * Without it ProxySQL's rows would stay OFFLINE_SOFT, and be shipped so, with nobody to say why or to take it off.
 */
async function createFencing(parts: FencingParts): Promise<Fencing | null> {
  const { orchestrator } = parts.config;
  if (!orchestrator && isIdle(readLatch(parts.journal.read("fences")) ?? emptyLatch)) return null;
  const { Fencing } = await import("./fencing.js");
  return new Fencing(parts, orchestrator);
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

/** Makes the directories that an agent needs, if they are not there. */
export async function prepareDirectories({ node }: Config): Promise<void> {
  await ensureDirectory(node.state_dir, 0o711);
  await ensureDirectory(node.run_dir, 0o755);
  for (const box of ["inbox", "outbox", "quarantine"])
    await ensureDirectory(join(node.state_dir, box), 0o700);
  await prepareProbes(node.state_dir);
}
