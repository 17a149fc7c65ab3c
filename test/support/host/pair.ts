import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { adminQuery, carpRole, type Host, statusJson } from "./host.js";
import { waitFor } from "./wait.js";

/** What the cases look at in `status --json`. */
export type Status = {
  readonly role: string;
  readonly leads: number | null;
  readonly running: { readonly text: string; readonly epoch: number; readonly node: string } | null;
  readonly proxysql: { readonly up: boolean; readonly serving: boolean };
  readonly lastInstalled: { readonly snapshot: string } | null;
  readonly peers: ReadonlyArray<{
    readonly name: string;
    readonly link: string;
    readonly best: { readonly text: string } | null;
  }>;
  readonly problems: readonly string[];
  readonly ready: boolean;
  readonly reasons: readonly Reason[];
  readonly care: {
    readonly restarts: number;
    readonly share: number;
    readonly shareWhy: string | null;
    readonly total: number | null;
    readonly exhausted: boolean;
  };
  readonly maintenance: { readonly note: string | null; readonly forcePromotion: boolean } | null;
  readonly doubts: ReadonlyArray<{ readonly id: string; readonly why: string }>;
};

export type Reason = {
  readonly code: string;
  readonly severity: "critical" | "warning";
  readonly about: string | null;
  readonly sentence: string;
  readonly todo: string;
  readonly since: string;
};

/** Failover takes CARP about 3.5 s, a retry of a failed step up to 15 s, and the machine may be busy. */
export const patience = 45_000;

export function statusOf(host: Host): Status {
  return statusJson(host) as Status;
}

/**
 * The codes of the host's reasons, but for the one that a lab has from the start: nobody preempts there, so that a host
 * that returns does not take the address back.
 */
export function troublesOf(host: Host): string[] {
  const { reasons } = statusOf(host);
  return reasons
    .filter(({ code, about }) => code !== "carp-will-fight" || about !== "preempt")
    .map(({ code }) => code);
}

/** The names of the MySQL servers that ProxySQL uses now, sorted. */
export async function serversOf(host: Host): Promise<string> {
  const rows = await adminQuery(
    host,
    "SELECT DISTINCT hostname FROM runtime_mysql_servers ORDER BY hostname",
  );
  return rows.map((row) => row.hostname).join(" ");
}

/**
 * What an operator does on the active node: a server into memory, runtime and disk. Returns when the agent has taken a
 * snapshot of it; until then a passive node that "holds what the leader runs" may not have this change.
 */
export async function addServer(host: Host, name: string): Promise<void> {
  // The first snapshot of an epoch comes without any change, and would pass for the one that is waited for.
  const before = await waitFor(
    `${host.name} has a snapshot of its epoch`,
    () => {
      const held = newestHeld(host);
      return held?.startsWith(`${statusOf(host).leads}.`) ? held : undefined;
    },
    patience,
  );
  await adminQuery(
    host,
    `INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (20, '${name}', 3306)`,
  );
  await adminQuery(host, "LOAD MYSQL SERVERS TO RUNTIME");
  await adminQuery(host, "SAVE MYSQL SERVERS TO DISK");
  await waitFor(`${host.name} takes a snapshot of ${name}`, () => newestHeld(host) !== before, patience);
}

/** Waits until the host is MASTER, its agent leads an epoch, and its ProxySQL serves exactly these servers. */
export async function waitUntilLeading(host: Host, servers: string): Promise<Status> {
  return waitFor(
    `${host.name} leads with ${servers}`,
    async () => {
      if (carpRole(host) !== "MASTER") {
        return false;
      }
      const found = await serversOf(host);
      if (found !== servers) {
        throw new Error(`it has ${found}`);
      }
      const status = statusOf(host);
      if (status.role !== "MASTER" || status.leads === null || !status.proxysql.serving) {
        throw new Error(JSON.stringify(status));
      }
      return status;
    },
    patience,
    200,
  );
}

/**
 * Waits until the passive host is as its standby mode wants it: it holds what the leader runs; warm also serves it,
 * cold has ProxySQL stopped.
 */
export async function waitUntilStandingBy(host: Host, leader: Host, servers: string): Promise<Status> {
  return waitFor(
    `${host.name} stands by with ${servers}`,
    async () => {
      const wanted = statusOf(leader).running?.text;
      const status = statusOf(host);
      const held = newestHeld(host);
      if (status.role !== "BACKUP" || status.leads !== null || held !== wanted) {
        throw new Error(`wanted ${wanted}, held ${held}: ${JSON.stringify(status)}`);
      }
      if (host.standby === "cold") {
        return status.proxysql.up ? undefined : status;
      }
      const found = await serversOf(host);
      if (found !== servers || status.running?.text !== wanted) {
        throw new Error(`it has ${found}: ${JSON.stringify(status)}`);
      }
      return status;
    },
    patience,
    200,
  );
}

/** The lineage (`6.12@a`) of the newest snapshot in the host's inbox and outbox, by their names. */
export function newestHeld(host: Host): string | undefined {
  const names = ["inbox", "outbox"].flatMap((store) => {
    const directory = join(host.places.stateDir, store);
    return existsSync(directory) ? readdirSync(directory) : [];
  });
  const newest = names
    .filter((name) => /^\d{10}-\d{10}-/.test(name))
    .sort()
    .at(-1);
  const [, epoch, sequence, node] = /^(\d{10})-(\d{10})-(.+)$/.exec(newest ?? "") ?? [];
  return epoch === undefined ? undefined : `${Number(epoch)}.${Number(sequence)}@${node}`;
}

export type Transition = {
  readonly role_before: string;
  readonly role: string;
  readonly cause: string;
  readonly outcome: string | null;
};
export type SnapshotNote = { readonly snapshot: string; readonly event: string };

/** What the agent wrote into its journal, oldest first. */
export function journalOf(host: Host): {
  readonly transitions: readonly Transition[];
  readonly snapshots: readonly SnapshotNote[];
  readonly notes: readonly string[];
  /** Steps that ended in an error, `step: error`. */
  readonly failures: readonly string[];
} {
  const db = new Database(join(host.places.stateDir, "journal.db"), { readonly: true });
  try {
    return {
      transitions: db.prepare<[], Transition>("SELECT * FROM transitions ORDER BY id").all(),
      snapshots: db.prepare<[], SnapshotNote>("SELECT snapshot, event FROM snapshots ORDER BY id").all(),
      failures: db
        .prepare<[], { text: string }>(
          "SELECT step || ': ' || error AS text FROM steps WHERE outcome = 'failed' ORDER BY id",
        )
        .all()
        .map((row) => row.text),
      notes: db
        .prepare<[], { kind: string }>("SELECT kind FROM notes ORDER BY id")
        .all()
        .map((row) => row.kind),
    };
  } finally {
    db.close();
  }
}

/** The events that the hook left for an agent that was not there. */
export function spooledEvents(host: Host): readonly string[] {
  return readdirSync(join(host.places.stateDir, "spool")).filter((name) => name.endsWith(".event"));
}
