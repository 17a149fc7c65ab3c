import { join } from "node:path";
import type { Reason } from "../../src/health/reason.js";
import { openStore } from "../../src/snapshot/store.js";
import type { PairNode } from "../support/pair/node.js";
import { type Pair, until } from "../support/pair/pair.js";
import { configurationRows, rowCounts, runtimeServers } from "./rows.js";

export interface DemoStep {
  readonly name: string;
  readonly ms: number;
  readonly ok: boolean;
  readonly error?: string;
}

export interface DemoResult {
  readonly schema: "proxysql-carp/demo/v1";
  readonly ok: boolean;
  readonly standby: string;
  readonly proxysql: string;
  readonly steps: readonly DemoStep[];
  readonly rows_expected: number;
  readonly rows_restored: number;
  readonly rolled_back: boolean;
}

export interface Audience {
  /** A step has ended. */
  report(step: DemoStep): void;
  /** Something worth seeing. */
  show(text: string): void;
}

const shop = [
  "INSERT INTO mysql_replication_hostgroups(writer_hostgroup,reader_hostgroup,comment) VALUES (10,20,'shop')",
  "INSERT INTO mysql_servers(hostgroup_id,hostname,port,comment) VALUES (10,'db1.example',3306,'dc1'),(20,'db2.example',3306,'dc2')",
  "INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ('app','app-secret',10)",
  "INSERT INTO mysql_query_rules(rule_id,active,match_digest,destination_hostgroup,apply) VALUES (1,1,'^SELECT',20,1)",
  "LOAD MYSQL SERVERS TO RUNTIME",
  "LOAD MYSQL USERS TO RUNTIME",
  "LOAD MYSQL QUERY RULES TO RUNTIME",
  "SAVE MYSQL USERS TO DISK",
  "SAVE MYSQL QUERY RULES TO DISK",
  "SAVE MYSQL SERVERS TO DISK",
];

function addServer(name: string): string[] {
  return [
    `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (20,'${name}',3306)`,
    "LOAD MYSQL SERVERS TO RUNTIME",
    "SAVE MYSQL SERVERS TO DISK",
  ];
}

/** The whole life of a pair: ship, fail over, return, switch back. Every step is timed; the first that fails ends it. */
export async function playScenario(
  pair: Pair,
  standby: string,
  { report, show }: Audience,
): Promise<DemoResult> {
  const { a, b } = pair;
  const steps: DemoStep[] = [];
  let expected = new Set<string>();
  let atFailover = 0;
  let restored = 0;
  let rolledBack = false;
  let version = "";

  const act = async (name: string, work: () => Promise<void>): Promise<void> => {
    const began = performance.now();
    let error: string | undefined;
    await work().catch((thrown: unknown) => {
      error = thrown instanceof Error ? thrown.message : String(thrown);
    });
    const step = { name, ms: Math.round(performance.now() - began), ok: error === undefined };
    steps.push(error === undefined ? step : { ...step, error });
    report(steps.at(-1) as DemoStep);
    if (error !== undefined) throw new DemoFailure(error);
  };

  try {
    await act("start both nodes, a becomes MASTER", async () => {
      await Promise.all([a.startSsh(b), b.startSsh(a)]);
      // As on hosts that are set up: each ProxySQL has run once and has its own listeners in its database.
      await Promise.all([a.startProxysql(), b.startProxysql()]);
      await until(
        "both ProxySQL answer",
        async () => (await runtimeServers(a)) + (await runtimeServers(b)) === "",
      );
      a.writeRole("MASTER");
      a.startAgent();
      b.startAgent();
      await until(
        "a leads and b stands by",
        async () => (await isActive(a)) && (await isPassive(b, standby)),
      );
      await until(
        "the first snapshot is shipped",
        async () => (await a.status()).peers[0]?.lastShipped !== null,
      );
      version = (await a.status()).proxysql.version ?? "unknown";
    });
    await act("change the configuration on a, verified on b's disk", async () => {
      await a.admin(...shop);
      await shipped(a, b, standby);
      expected = await configurationRows(a);
    });
    await act("a is killed, b gains the role and serves", async () => {
      await a.kill();
      await b.setRole("MASTER");
      await until("b leads and serves", () => isActive(b));
    });
    await act("b has exactly a's configuration", async () => {
      const got = await configurationRows(b);
      atFailover = expected.size;
      restored = [...expected].filter((row) => got.has(row)).length;
      same(expected, got);
      const servers = await runtimeServers(b);
      if (!servers.includes("db1.example")) throw new Error(`b does not use a's servers: ${servers}`);
    });
    await act("b says that no failover would work now: its peer is gone", async () => {
      const { text } = await saying(b, (reasons) => reasons.some(({ code }) => code === "peer-unreachable"));
      show(`$ proxysql-carp reasons --json    # on b\n${text.trim()}`);
    });
    await act("change the configuration on b while a is away", async () => {
      await b.admin(...addServer("db3.example"));
      await until("b has a snapshot of it", async () => ((await b.status()).running?.sequence ?? 0) >= 2);
      expected = await configurationRows(b);
    });
    await act("a returns as BACKUP and takes b's configuration", async () => {
      a.writeRole("BACKUP");
      await a.startSsh(b);
      a.startAgent();
      await shipped(b, a, standby);
      await until("a stands by", () => isPassive(a, standby));
    });
    await act("neither node has a critical reason left", async () => {
      const isWell = (reasons: readonly Reason[]) => reasons.every(({ severity }) => severity !== "critical");
      await Promise.all([saying(a, isWell), saying(b, isWell)]);
    });
    await act("nothing was rolled back on either node", async () => {
      rolledBack = true;
      same(expected, await configurationRows(b));
      if (standby === "warm") same(expected, await configurationRows(a));
      rolledBack = false;
    });
    await act("switch back: b gives the role up, a serves", async () => {
      await b.setRole("BACKUP");
      await a.setRole("MASTER");
      await until("a leads and serves", () => isActive(a));
      await until("b stands by", () => isPassive(b, standby));
      same(expected, await configurationRows(a));
    });
  } catch (error) {
    if (!(error instanceof DemoFailure)) throw error;
  }
  return {
    schema: "proxysql-carp/demo/v1",
    ok: steps.every(({ ok }) => ok) && !rolledBack,
    standby,
    proxysql: version,
    steps,
    rows_expected: atFailover,
    rows_restored: restored,
    rolled_back: rolledBack,
  };
}

class DemoFailure extends Error {}

async function isActive(node: PairNode): Promise<boolean> {
  const { leads, proxysql, role } = await node.status();
  return role === "MASTER" && leads !== null && proxysql.serving && proxysql.admin;
}

async function isPassive(node: PairNode, standby: string): Promise<boolean> {
  const { leads, proxysql, role } = await node.status();
  return role === "BACKUP" && leads === null && proxysql.up === (standby === "warm");
}

/** What `proxysql-carp reasons --json` of a node says, as soon as that is as expected. */
async function saying(
  node: PairNode,
  expected: (reasons: readonly Reason[]) => boolean,
): Promise<{ text: string }> {
  let last = "";
  return until(
    `${node.name} gives the expected reasons`,
    async () => {
      // It ends with 1 when there are reasons.
      const { stdout, stderr } = await node.cli("reasons", "--json");
      last = stdout || stderr;
      const { reasons } = JSON.parse(stdout) as { reasons: readonly Reason[] };
      return expected(reasons) ? { text: stdout } : undefined;
    },
    60_000,
  ).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; it said ${last}`);
  });
}

/** What `from` has on disk is in a verified snapshot on `to`'s disk, and in warm standby in its ProxySQL. */
async function shipped(from: PairNode, to: PairNode, standby: string): Promise<void> {
  const rows = await rowCounts(from);
  const servers = await runtimeServers(from);
  await until(`${to.name} has ${from.name}'s newest configuration`, async () => {
    const received = await openStore(join(to.dir, "state")).latest("inbox");
    const has = Object.entries(rows).every(
      ([table, count]) => received?.manifest.tables[table]?.rows === count,
    );
    return has && (standby !== "warm" || (await runtimeServers(to)) === servers);
  });
}

function same(expected: ReadonlySet<string>, got: ReadonlySet<string>): void {
  const missing = [...expected].filter((row) => !got.has(row));
  const strange = [...got].filter((row) => !expected.has(row));
  if (missing.length + strange.length === 0) return;
  throw new Error(
    `${missing.length} rows are missing and ${strange.length} are strange, such as ${missing[0] ?? strange[0]}`,
  );
}
