import type { InstanceSpec, Key } from "./protocol.js";
import { masterMould, type Row, replicaMould } from "./recorded.js";
import { isoSeconds } from "./times.js";

/** A MySQL server of this world. */
export interface Server {
  readonly key: Key;
  readonly id: number;
  alias: string;
  master: Key | null;
  readOnly: boolean;
  alive: boolean;
  replicating: boolean | undefined;
  /** How Orchestrator last saw it, once it is dead. */
  lastSeen: { readonly at: number; readonly row: Row } | undefined;
}

/** The MySQL servers, and what Orchestrator finds out by looking at them. Each node looks for itself, so all see the same. */
export class Topology {
  #servers = new Map<string, Server>();
  #nextId = 1;

  get servers(): readonly Server[] {
    return [...this.#servers.values()];
  }

  set(instances: readonly InstanceSpec[]): void {
    this.#servers = new Map();
    this.#nextId = 1;
    for (const spec of instances) this.#servers.set(nameOf(spec), this.#create(spec));
    for (const { host, port, alive } of instances) if (alive === false) this.kill({ host, port });
  }

  find(key: Key): Server | undefined {
    return this.#servers.get(nameOf(key));
  }

  change(key: Key, { alive, ...change }: Partial<InstanceSpec>): void {
    const server = this.find(key);
    if (server === undefined) throw new Error(`there is no server ${nameOf(key)}`);
    Object.assign(server, change);
    if (alive === false) this.kill(key);
    if (alive === true) Object.assign(server, { alive, lastSeen: undefined });
  }

  kill(key: Key): void {
    const server = this.find(key);
    if (server === undefined || !server.alive) return;
    server.lastSeen = { at: Date.now(), row: this.row(server) };
    server.alive = false;
  }

  /** The living masters of an alias: after a careless return of an old one there are two. */
  mastersOf(alias: string): readonly Server[] {
    return this.servers.filter((server) => server.alias === alias && server.master === null);
  }

  replicasOf(key: Key): readonly Server[] {
    return this.servers.filter(({ master }) => master !== null && nameOf(master) === nameOf(key));
  }

  isReplicating(server: Server): boolean {
    if (server.master === null || !server.alive) return false;
    return server.replicating ?? this.find(server.master)?.alive === true;
  }

  /** As all-instances shows it, without a downtime. */
  row(server: Server): Row {
    if (server.lastSeen !== undefined) return deadRow(server.lastSeen);
    const replicas = this.replicasOf(server.key).map(({ key }) => rowKey(key));
    const running = this.isReplicating(server);
    const mould = server.master === null ? masterMould : replicaMould;
    return {
      ...mould,
      Key: rowKey(server.key),
      ServerID: server.id,
      ReadOnly: server.readOnly,
      MasterKey: rowKey(server.master),
      Slave_SQL_Running: running,
      ReplicationSQLThreadRuning: running,
      Slave_IO_Running: running,
      ReplicationIOThreadRuning: running,
      RelaylogCoordinates:
        server.master === null
          ? mould.RelaylogCoordinates
          : { ...(mould.RelaylogCoordinates as Row), LogFile: `m${server.id}-relay-bin.000002` },
      SlaveHosts: replicas,
      Replicas: replicas,
      ClusterName: nameOf(this.#rootOf(server).key),
      SuggestedClusterAlias: server.alias,
      ReplicationDepth: this.#depthOf(server),
      IsCoMaster: this.#isCoMaster(server),
      LastSeenTimestamp: isoSeconds(Date.now()),
    };
  }

  #create({ host, port, alias, master = null, readOnly, replicating }: InstanceSpec): Server {
    const id = this.#nextId;
    this.#nextId += 1;
    return {
      key: { host, port },
      id,
      alias,
      master,
      readOnly: readOnly ?? master !== null,
      alive: true,
      replicating,
      lastSeen: undefined,
    };
  }

  #isCoMaster({ key, master }: Server): boolean {
    const other = master === null ? undefined : this.find(master);
    return other?.master != null && nameOf(other.master) === nameOf(key);
  }

  /** Up to whoever replicates from nobody; of two that replicate from each other, the first met. */
  #rootOf(server: Server): Server {
    const above = server.master === null || this.#isCoMaster(server) ? undefined : this.find(server.master);
    return above === undefined ? server : this.#rootOf(above);
  }

  #depthOf(server: Server): number {
    const above = server.master === null || this.#isCoMaster(server) ? undefined : this.find(server.master);
    return above === undefined ? 0 : this.#depthOf(above) + 1;
  }
}

/** host:port, as Orchestrator names a cluster. */
export function nameOf({ host, port }: Key): string {
  return `${host}:${port}`;
}

/** As Orchestrator writes a key; none is an empty one. */
export function rowKey(key: Key | null): Row {
  return key === null ? { Hostname: "", Port: 0 } : { Hostname: key.host, Port: key.port };
}

function deadRow({ at, row }: { at: number; row: Row }): Row {
  return {
    ...row,
    IsLastCheckValid: false,
    SecondsSinceLastSeen: { Int64: Math.floor((Date.now() - at) / 1_000), Valid: true },
    Problems: ["last_check_invalid"],
  };
}
