import { join } from "node:path";
import Database from "better-sqlite3";
import type { SwitchoverStep } from "../../../src/switchover/steps.js";
import { adminQuery, freezeProxysql, type Host, setFailing, sysctl } from "./host.js";
import { patience } from "./pair.js";
import { type Asked, askAgent, type SwitchoverDocument, startSwitchover, stepRuns } from "./switchover.js";
import { waitFor } from "./wait.js";

export type HeldStep = Exclude<SwitchoverStep, "check">;

export const heldSteps: readonly HeldStep[] = [
  "ship",
  "record",
  "pause",
  "drain",
  "demote",
  "move",
  "prove",
  "settle",
];

/** Who gives the role, and who is to take it. */
export type Roles = { readonly active: Host; readonly passive: Host };

/** As `addServer`, and no wait for the agent to see it. */
export async function changeServers(host: Host, name: string): Promise<void> {
  await adminQuery(
    host,
    `INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (20, '${name}', 3306)`,
  );
  await adminQuery(host, "LOAD MYSQL SERVERS TO RUNTIME");
  await adminQuery(host, "SAVE MYSQL SERVERS TO DISK");
}

/** Statements of the steps, as the admin sees them. */
export const statements = {
  take: "VACUUM disk INTO",
  apply: "mysql_servers",
  pause: "PROXYSQL PAUSE",
  drain: "Client_Connections_connected",
} as const;

/**
 * Begins a switchover of a pair at rest and brings it to where the step is under way and does not come to its end by
 * itself for some seconds. `servers` has changed on the active host by then: `name` is new. Resolves with the
 * switchover and with what lets it go on.
 */
export async function holdAt(
  step: HeldStep,
  roles: Roles,
  name: string,
  asked: Asked = {},
): Promise<{ begun: SwitchoverDocument; letGo: () => void }> {
  const { result, letGo } = await holdAnyAt(step, roles, name, () => startSwitchover(roles.active, asked));
  return { begun: result, letGo };
}

/** The same for a switchover that somebody else begins: `begin` resolves when it is under way. */
export async function holdAnyAt<T extends { readonly id: string }>(
  step: HeldStep,
  roles: Roles,
  name: string,
  begin: () => Promise<T>,
): Promise<{ result: T; letGo: () => void }> {
  const { active } = roles;
  await changeServers(active, name);
  const { until, next } = holds[step];
  const mends = [holdOnce[until](roles)];
  const letGo = (): void => {
    for (const mend of mends.splice(0)) mend();
  };
  try {
    const begun = await begin();
    await stepRuns(active, begun, until);
    if (next !== undefined) {
      mends.push(next(roles));
      mends.shift()?.();
    }
    // While it writes its journal it answers nothing.
    if (step === "record" || step === "settle")
      await waitFor("the agent is stuck", () => isStuck(active), patience, 20);
    else await stepRuns(active, begun, step);
    return { result: begun, letGo };
  } catch (error) {
    letGo();
    throw error;
  }
}

type SimpleHold = "ship" | "pause" | "drain" | "demote" | "move";

const holdOnce: Record<SimpleHold, (roles: Roles) => () => void> = {
  ship: ({ passive }) => hangAdmin(passive, statements.apply),
  pause: ({ active }) => hangAdmin(active, statements.pause),
  drain: ({ active }) => hangAdmin(active, statements.drain),
  demote: ({ active }) => failing("sysctl.write.hang", active),
  move: ({ active, passive }) => withoutMoving("hang", active, passive),
};

/** Some are held at a step before them first: what holds them would be met too early, or they pass too quickly. */
const holds: Record<HeldStep, { readonly until: SimpleHold; readonly next?: (roles: Roles) => () => void }> =
  {
    ship: { until: "ship" },
    record: { until: "ship", next: ({ active }) => spoilRecord(active, "record", "slow") },
    pause: { until: "pause" },
    drain: { until: "drain" },
    demote: { until: "demote" },
    move: { until: "move" },
    prove: { until: "drain", next: ({ passive }) => frozen(passive) },
    settle: { until: "drain", next: ({ active }) => spoilRecord(active, "settle", "slow") },
  };

function frozen(host: Host): () => void {
  freezeProxysql(host, true);
  return () => freezeProxysql(host, false);
}

function hangAdmin(host: Host, statement: string): () => void {
  setFailing(host, "admin.hang", statement);
  return () => setFailing(host, "admin.hang", false);
}

/** Makes a program of the hosts fail; returns what mends it. */
export function failing(failure: string, ...hosts: readonly Host[]): () => void {
  for (const host of hosts) setFailing(host, failure, true);
  return () => {
    for (const host of hosts) setFailing(host, failure, false);
  };
}

/** Nobody preempts, and asking CARP for a role fails or hangs: nothing moves. */
export function withoutMoving(how: "fail" | "hang", ...hosts: readonly Host[]): () => void {
  for (const host of hosts) sysctl(host, "net.inet.carp.preempt=0");
  const mend = failing(`ifconfig.state.${how}`, ...hosts);
  return () => {
    mend();
    for (const host of hosts) sysctl(host, `net.inet.carp.preempt=${host.preempt ? 1 : 0}`);
  };
}

/** The next write of the switchover's record, or of its end, fails, or takes some seconds in which the agent is stuck. */
export function spoilRecord(host: Host, at: "record" | "settle", how: "fail" | "slow"): () => void {
  const db = new Database(join(host.places.stateDir, "journal.db"));
  const which = at === "record" ? "NEW.value <> 'null'" : "NEW.value = 'null'";
  const what =
    how === "fail"
      ? "SELECT RAISE(ABORT, 'made to fail')"
      : "SELECT count(*) FROM spoil a, spoil b WHERE a.x <> -b.x";
  db.exec(`CREATE TABLE spoil (x INTEGER);
    CREATE TRIGGER spoiled BEFORE INSERT ON state WHEN NEW.name = 'switchover' AND ${which}
    BEGIN ${what}; END;`);
  const put = db.prepare("INSERT INTO spoil VALUES (?)");
  // Some seconds' work for a join with itself.
  db.transaction(() => {
    for (let x = 0; x < 8_000; x += 1) put.run(x);
  })();
  db.close();
  return () => {
    // The agent may be in the middle of it still.
    const again = new Database(join(host.places.stateDir, "journal.db"), { timeout: 60_000 });
    again.exec("DROP TRIGGER IF EXISTS spoiled; DROP TABLE IF EXISTS spoil");
    again.close();
  };
}

/**
 * Another process holds the journal for writing, as a shell with a transaction open does. Returns what ends that.
 */
export function lockJournal(host: Host): () => void {
  const db = new Database(join(host.places.stateDir, "journal.db"), { timeout: 10_000 });
  db.exec("BEGIN IMMEDIATE");
  return () => db.close();
}

async function isStuck(host: Host): Promise<boolean> {
  const answered = askAgent(host, { op: "maintenance-status" }).then(
    () => true,
    () => false,
  );
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 700));
  return !(await Promise.race([answered, late]));
}
