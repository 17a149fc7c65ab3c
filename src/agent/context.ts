import type { Demotion } from "../carp/demotion.js";
import type { Config } from "../config/schema.js";
import type { Journal } from "../journal/journal.js";
import type { LockKeeper } from "../lock/keeper.js";
import type { PeerLink } from "../peer/link.js";
import type { Owner } from "../platform/files.js";
import type { Logger } from "../platform/log.js";
import type { Mutex } from "../platform/mutex.js";
import type { AdminClient } from "../proxysql/admin-client.js";
import type { NodeState } from "../ship/node-state.js";
import type { Shipper } from "../ship/shipper.js";
import type { Staging } from "../ship/staging.js";
import type { KeepLocal } from "../snapshot/keep-local.js";
import type { Store } from "../snapshot/store.js";
import type { Care } from "./care.js";
import type { DivergenceReports } from "./divergence.js";
import type { Fencing } from "./fencing.js";
import type { Maintenance } from "./maintenance.js";
import type { PeerBoard } from "./peer-board.js";
import type { RestoreRecord } from "./restore-record.js";
import type { Shooting } from "./stonith.js";
import type { SwitchoverRecord } from "./switchover-record.js";
import type { Trial } from "./trial.js";

/** The parts of a running agent, as its aspects share them. */
export interface AgentContext {
  readonly config: Config;
  readonly log: Logger;
  readonly journal: Journal;
  readonly state: NodeState;
  readonly store: Store;
  readonly staging: Staging;
  readonly admin: AdminClient;
  readonly links: ReadonlyMap<string, PeerLink>;
  readonly board: PeerBoard;
  readonly shipper: Shipper;
  readonly divergence: DivergenceReports;
  readonly keepLocal: KeepLocal;
  readonly care: Care;
  /** null without [orchestrator]. */
  readonly fencing: Fencing | null;
  readonly demotion: Demotion;
  readonly maintenance: Maintenance;
  readonly trial: Trial;
  readonly restore: RestoreRecord;
  readonly switchover: SwitchoverRecord;
  readonly shooting: Shooting;
  /** null: no lock is configured. */
  readonly lock: LockKeeper | null;
  /** Where the database that an install replaces is kept. */
  readonly kept: string;
  /** Held while ProxySQL's configuration is read or changed as a whole, so that a snapshot is of one state. */
  readonly configLock: Mutex;
  /** Rows per table that an install has just put on disk and a start has not yet proven; empty otherwise. */
  readonly installed: { rows: Readonly<Record<string, number>> };
  /** Who ProxySQL's files belong to: `[proxysql] owner`, else the owner of its data directory. */
  readonly proxysqlOwner: () => Promise<Owner>;
}
