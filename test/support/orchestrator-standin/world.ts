import { randomBytes } from "node:crypto";
import { type Command, type Downtime, lostInRecovery, NodeData } from "./node-data.js";
import type { FailedMaster, InstanceSpec, Key, StandinOptions } from "./protocol.js";
import { Raft } from "./raft.js";
import { type Row, recoveryMould } from "./recorded.js";
import { backendText, isoSeconds } from "./times.js";
import { nameOf, rowKey, type Server, Topology } from "./topology.js";

const yearMs = 365 * 24 * 3_600_000;
/** All nodes of the recording ran on one host. */
export const hostname = "orc1";

/** What happens, and which node knows of it. */
export class World {
  readonly topology = new Topology();
  readonly raft: Raft;
  readonly data: readonly NodeData[];
  readonly lostInRecoveryMs: number;
  readonly #log: Command[] = [];
  #recoveries = 0;

  constructor(options: StandinOptions) {
    this.lostInRecoveryMs = options.lostInRecoveryMs;
    this.data = options.nodes.map(() => new NodeData());
    this.raft = new Raft(options.nodes.length, options.election, () => this.#replicate());
  }

  /** The node that leads, whoever believes in it. */
  get leader(): number | undefined {
    return this.raft.leader;
  }

  /** A node's database as it is now. */
  dataOf(index: number): NodeData {
    const data = this.data[index];
    if (data === undefined) throw new Error(`there is no node ${index}`);
    data.expire(this.topology, this.lostInRecoveryMs);
    return data;
  }

  /** Hands a command to raft: whoever reaches the leader has it. */
  publish(command: Command): void {
    this.#log.push(command);
    this.#replicate();
  }

  beginDowntime(downtime: Downtime): void {
    this.publish({ kind: "begin-downtime", downtime });
  }

  endDowntime(key: Key): void {
    this.publish({ kind: "end-downtime", key });
  }

  /** What a recovery writes about the lost, and no other node than the leader has. */
  loseInRecovery(key: Key): void {
    if (this.leader === undefined) throw new Error("there is no leader");
    const begins = Date.now();
    this.data[this.leader]?.beginLocally({
      key,
      owner: hostname,
      reason: lostInRecovery,
      begins,
      ends: begins + yearMs,
    });
  }

  /** The master dies. With a leader, and unless not wanted, a replica is promoted, the others follow it. */
  failMaster(alias: string, recover: boolean, wanted?: Key): FailedMaster {
    const master = this.topology.mastersOf(alias).find(({ alive }) => alive);
    if (master === undefined) throw new Error(`no living master has the alias ${alias}`);
    const before = this.topology.row(master);
    this.topology.kill(master.key);
    const successor = this.#chooseSuccessor(master, wanted);
    if (!recover || successor === undefined || this.leader === undefined) {
      return { failed: master.key, successor: null, uid: null };
    }
    this.#promote(successor, master);
    return { failed: master.key, successor: successor.key, uid: this.#recovered(before, successor.key) };
  }

  /** A recovery that somebody else has done to servers that are told of by themselves: what is known of it afterwards. */
  recordRecovery(failed: Key, successor: Key): string {
    const server = this.topology.find(failed);
    if (server === undefined) throw new Error(`there is no server ${nameOf(failed)}`);
    return this.#recovered(this.topology.row(server), successor);
  }

  /**
   * The roles change places while both live. The real one (3.2.6, seen live) does it by its recovery of a dead master, so
   * the old one is downtimed as lost for a minute at least although it follows its successor. Without `auto` it does not
   * even follow: replication is set up there and left stopped.
   */
  takeOver(alias: string, wanted?: Key, auto = true): FailedMaster | undefined {
    const master = this.topology.mastersOf(alias).find(({ alive }) => alive);
    const successor = master === undefined ? undefined : this.#chooseSuccessor(master, wanted);
    if (master === undefined || successor === undefined) return undefined;
    const before = this.topology.row(master);
    this.#promote(successor, master);
    Object.assign(master, {
      master: successor.key,
      readOnly: true,
      replicating: auto ? undefined : false,
    });
    this.loseInRecovery(master.key);
    if (this.leader !== undefined) this.data[this.leader]?.catchUp(this.#log);
    this.endDowntime(successor.key);
    return {
      failed: master.key,
      successor: successor.key,
      uid: this.#audit(before, successor.key, Date.now()),
    };
  }

  /** Recoveries of the past, one a minute. */
  addRecoveries(count: number, failed: Key, successor: Key, alias: string): void {
    const row = {
      Key: rowKey(failed),
      ClusterName: nameOf(failed),
      SuggestedClusterAlias: alias,
      Replicas: [],
    };
    for (let back = count; back > 0; back -= 1) this.#audit(row, successor, Date.now() - back * 60_000);
  }

  setTopology(instances: readonly InstanceSpec[]): void {
    this.topology.set(instances);
  }

  #chooseSuccessor(master: Server, wanted: Key | undefined): Server | undefined {
    const living = this.topology.replicasOf(master.key).filter(({ alive }) => alive);
    return wanted === undefined ? living[0] : living.find(({ key }) => nameOf(key) === nameOf(wanted));
  }

  #promote(successor: Server, master: Server): void {
    for (const replica of this.topology.replicasOf(master.key)) replica.master = successor.key;
    Object.assign(successor, { master: null, readOnly: false });
  }

  /** The leader alone has the failed one as lost, everybody has the audit. */
  #recovered(failed: Row, successor: Key): string {
    if (this.leader === undefined) throw new Error("there is no leader");
    const { Hostname: host, Port: port } = failed.Key as { Hostname: string; Port: number };
    this.loseInRecovery({ host, port });
    this.data[this.leader]?.catchUp(this.#log);
    this.endDowntime(successor);
    return this.#audit(failed, successor, Date.now());
  }

  /** `row`: the failed one as it was. */
  #audit(row: Row, successor: Key, at: number): string {
    this.#recoveries += 1;
    const uid = `${at}000000:${randomBytes(32).toString("hex")}`;
    const entry = recoveryMould.AnalysisEntry as Row;
    const replicas = row.Replicas as Row[];
    this.publish({
      kind: "recovery",
      row: {
        ...recoveryMould,
        Id: this.#recoveries,
        UID: uid,
        AnalysisEntry: {
          ...entry,
          AnalyzedInstanceKey: row.Key,
          ClusterDetails: {
            ...(entry.ClusterDetails as Row),
            ClusterName: row.ClusterName,
            ClusterAlias: row.SuggestedClusterAlias,
          },
          CountReplicas: replicas.length,
          Replicas: replicas,
          SlaveHosts: replicas,
        },
        SuccessorKey: rowKey(successor),
        RecoveryStartTimestamp: isoSeconds(at),
        RecoveryEndTimestamp: backendText(at),
      },
    });
    return uid;
  }

  #replicate(): void {
    const { leader } = this;
    if (leader === undefined) return;
    for (const { index } of this.raft.nodes) {
      if (this.raft.connected(leader, index)) this.data[index]?.catchUp(this.#log);
    }
  }
}
