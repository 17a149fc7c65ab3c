import type { ClientPort } from "./client-port.js";
import { placeOf, statusOf } from "./hostgroups.js";
import { log } from "./log.js";
import { type MonitoredServer, readMonitorFile } from "./monitor-file.js";
import { type ReadOnlyResult, type ReplicationPair, readOnlyAction } from "./read-only-action.js";
import type { Runtime } from "./runtime.js";

/** What the monitor looks at and acts on. */
export interface MonitorSubject {
  datadir: string;
  runtime: Runtime;
  client: ClientPort;
  started: boolean;
}

/** ProxySQL accepts nothing below (lib/MySQL_Thread.cpp). */
const LEAST_INTERVAL_MS = 100;

/**
 * The read_only monitor. Its servers are imagined: monitor.json has their answers. It takes no admin mutex, so that it
 * acts between two statements of a session (lib/MySQL_HostGroups_Manager.cpp:3920). The option -M does not stop it, as
 * every test starts with that for the real ProxySQL's sake; without monitor.json it does nothing.
 */
export class Monitor {
  readonly #subject: MonitorSubject;
  /** Checks in a row that timed out, by `host:port`. */
  readonly #timeouts = new Map<string, number>();

  constructor(subject: MonitorSubject) {
    this.#subject = subject;
  }

  /** Looks at all servers every `mysql-monitor_read_only_interval` milliseconds, from now on. */
  start(): void {
    const interval = Number(this.#variable("mysql-monitor_read_only_interval"));
    setTimeout(
      () => {
        this.#look();
        this.start();
      },
      Math.max(interval, LEAST_INTERVAL_MS),
    );
  }

  #look(): void {
    const { datadir, runtime, client, started } = this.#subject;
    if (!started || this.#variable("mysql-monitor_enabled") !== "true") return;
    const known = readMonitorFile(datadir);
    if (known === undefined) return;
    const pairs = this.#pairs();
    const alsoReader = this.#variable("mysql-monitor_writer_is_also_reader") === "true";
    let moved = false;
    for (const result of this.#results(known, pairs)) {
      moved = readOnlyAction(runtime.servers, pairs, result, alsoReader) || moved;
    }
    // What a session holds is purged later, when the session is gone (purge_mysql_servers_table).
    if (moved) runtime.servers.purge();
    const shunned = this.#shun(known);
    if (!moved && !shunned) return;
    runtime.serversMoved();
    client.dropOrphans();
    if (shunned) client.dropShunned();
  }

  /** Answers of the servers that have a row which is neither OFFLINE_SOFT nor OFFLINE_HARD (lib/MySQL_Monitor.cpp:3427). */
  #results(known: ReadonlyMap<string, MonitoredServer>, pairs: readonly ReplicationPair[]): ReadOnlyResult[] {
    const grouped = new Set(pairs.flatMap((pair) => [pair.writer, pair.reader]));
    const polled = new Map<string, ReadOnlyResult>();
    for (const row of this.#subject.runtime.servers.rows) {
      const { hostgroup, host, port } = placeOf(row);
      if (!grouped.has(hostgroup) || statusOf(row) === "OFFLINE_SOFT") continue;
      const readOnly = this.#check(host, port, known.get(`${host}:${port}`), polled);
      if (readOnly !== undefined) polled.set(`${host}:${port}`, { host, port, readOnly });
    }
    return [...polled.values()];
  }

  /** One answer for each server and look; undefined when there is none, or there was one already. */
  #check(
    host: string,
    port: number,
    server: MonitoredServer | undefined,
    polled: ReadonlyMap<string, unknown>,
  ): boolean | undefined {
    const address = `${host}:${port}`;
    if (server === undefined || polled.has(address)) return undefined;
    if (server.alive !== false) {
      this.#timeouts.delete(address);
      return server.readOnly;
    }
    const count = (this.#timeouts.get(address) ?? 0) + 1;
    this.#timeouts.set(address, count);
    log("ERROR", `Timeout on read_only check for ${address}`);
    // lib/MySQL_Monitor.cpp:7487-7511.
    if (count < Number(this.#variable("mysql-monitor_read_only_max_timeout_count"))) return undefined;
    log("ERROR", `Server ${address} missed ${count} read_only checks. Assuming read_only=1`);
    return true;
  }

  /** As shun_and_killall of the ping monitor: only ONLINE rows change, and OFFLINE_SOFT stays. */
  #shun(known: ReadonlyMap<string, MonitoredServer>): boolean {
    const servers = this.#subject.runtime.servers;
    let changed = false;
    for (const row of servers.rows) {
      const { host, port } = placeOf(row);
      const shunned = known.get(`${host}:${port}`)?.shunned;
      if (shunned === undefined || statusOf(row) !== (shunned ? "ONLINE" : "SHUNNED")) continue;
      servers.setStatus(row, shunned ? "SHUNNED" : "ONLINE");
      changed = true;
    }
    return changed;
  }

  #pairs(): ReplicationPair[] {
    return this.#subject.runtime
      .rows("mysql_replication_hostgroups")
      .map(([writer, reader]) => ({ writer: Number(writer), reader: Number(reader) }));
  }

  #variable(name: string): string {
    return this.#subject.runtime.variable(name);
  }
}
