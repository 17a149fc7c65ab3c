import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DiffDocument } from "../../../src/commands/format-diff.js";
import { openStore } from "../../../src/snapshot/store.js";
import { copyOf, fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import type { PairNode } from "../../support/pair/node.js";
import { createPair, type Pair } from "../../support/pair/pair.js";
import { addAndShip, servers, startPair, until } from "../agent/harness.js";

const soon = 120_000;

async function diff(node: PairNode, ...args: string[]): Promise<DiffDocument> {
  const { code, stdout, stderr } = await node.cli("snapshot", "diff", ...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as DiffDocument;
}

/** `mysql_servers + db1`: table, what happened, and the part of the key that names the row. */
function rowsOf({ tables }: DiffDocument): string[] {
  return tables.flatMap(({ table, rows }) =>
    rows
      .filter(({ local }) => !local)
      .map(
        ({ change, key }) =>
          `${table} ${change} ${key.hostname ?? key.username ?? key.variable_name ?? key.rule_id}`,
      ),
  );
}

describe("snapshot diff, in a pair", () => {
  let pair: Pair;
  beforeEach(async () => {
    pair = await startPair({ standby: "warm" });
  }, 120_000);
  afterEach(() => pair.end());

  test("compares snapshots, runtime, disk, the peer and files with each other", {
    timeout: 300_000,
  }, async () => {
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    const [first] = readdirSync(join(a.dir, "state/outbox")).sort();
    await a.admin(
      "INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ('app','hunter2',10)",
      "LOAD MYSQL USERS TO RUNTIME",
      "SAVE MYSQL USERS TO DISK",
      "INSERT INTO mysql_query_rules(rule_id,active,match_pattern,destination_hostgroup,apply) VALUES (5,1,'^SELECT',10,1)",
      "LOAD MYSQL QUERY RULES TO RUNTIME",
      "SAVE MYSQL QUERY RULES TO DISK",
    );
    await until(
      "b runs the same",
      async () => {
        const newest = (await openStore(join(b.dir, "state")).latest("inbox"))?.manifest;
        const rows = (table: string): number | undefined => newest?.tables[table]?.rows;
        if (rows("mysql_users") !== 1 || rows("mysql_query_rules") !== 1) return false;
        return (await b.status()).running?.sequence === newest?.lineage.sequence;
      },
      soon,
    );
    const last = readdirSync(join(a.dir, "state/outbox")).sort().at(-1) ?? "";

    // Two snapshots, one of which has the user.
    expect(rowsOf(await diff(a, first ?? "", last)).sort()).toEqual([
      "mysql_query_rules added 5",
      "mysql_servers added db1.example",
      "mysql_users added app",
    ]);
    const text = await a.cli("snapshot", "diff", first ?? "", last);
    expect(text.stdout).toContain("username='app'");
    expect(text.stdout).toContain("password='***'");
    expect(text.stdout).not.toContain("hunter2");
    expect((await a.cli("snapshot", "diff", first ?? "", last, "--secrets")).stdout).toContain("hunter2");

    // A snapshot by its name, against the one before it and the definitions of this ProxySQL.
    const verified = await a.cli("snapshot", "verify", last);
    expect(verified.code).toBe(0);
    expect(verified.stdout).toMatch(/definitions passed\n/);
    expect(verified.stdout).toMatch(/emptiness +passed: against \d/);
    expect((await a.cli("snapshot", "verify", "0000000099-0000000001-a")).code).toBe(1);

    // What is saved and loaded is the same everywhere.
    expect(rowsOf(await diff(a, "live", "disk"))).toEqual([]);
    expect(rowsOf(await diff(a, "disk", last))).toEqual([]);
    const withPeer = await diff(b, "disk", "peer");
    expect(withPeer.b).toMatchObject({ snapshot: last, note: "fetched from a now" });
    expect(rowsOf(withPeer)).toEqual([]);
    expect(withPeer.tls).toEqual([]);

    // In memory and runtime, and not on disk: lost at a failover.
    await a.admin(
      "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'unsaved.example',3306)",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SET mysql-max_connections='4321'",
      "LOAD MYSQL VARIABLES TO RUNTIME",
    );
    const drift = await diff(a, "disk", "live");
    expect(rowsOf(drift).sort()).toEqual([
      "global_variables changed mysql-max_connections",
      "mysql_servers added unsaved.example",
    ]);
    expect(drift.compared).toContain("mysql_servers");
    expect(drift.compared).not.toContain("global_settings");
    expect(drift.tls).toBeNull();

    // A file, from elsewhere.
    const file = copyOf("2.7.1-shop", scratch());
    expect(rowsOf(await diff(a, file, last))).toContain("mysql_servers removed db2.example");
  });

  test("takes what it has of a peer that is away, and says so", { timeout: 300_000 }, async () => {
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await until("b uses it", async () => (await servers(b)) !== "", soon);
    await a.kill();

    const { b: side, equal } = await diff(b, "disk", "peer:a");

    expect(side.note).toMatch(/^received from a earlier; /);
    expect(equal || side.snapshot !== null).toBe(true);
    const nobody = await b.cli("snapshot", "diff", "disk", "peer:zebra");
    expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining("there is a") });
    // ProxySQL down as well, and nobody who starts it again: the file itself is copied.
    await b.stopAgent();
    await b.killProxysql();
    expect((await diff(b, "disk", "peer")).a.note).toContain("its file was copied");
    expect((await b.cli("snapshot", "diff", "live", "disk")).code).toBe(1);
  });
});

describe("snapshot diff of files", () => {
  let pair: Pair;
  beforeEach(async () => {
    pair = await createPair({ standby: "warm" });
  });
  afterEach(() => pair.end());

  test("prints every row, refuses damage, and obeys nothing that is in them", {
    timeout: 120_000,
  }, async () => {
    const dir = scratch();
    const rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000)";
    const many = copyOf(
      "2.7.1-shop",
      dir,
      `${rows} INSERT INTO mysql_servers(hostgroup_id,hostname,comment) SELECT i, 'host'||i, '\u001b[2J' FROM n`,
    );
    const { stdout } = await pair.a.cli("snapshot", "diff", fixture("2.7.1-shop"), many);
    expect(stdout.split("\n").filter((line) => line.startsWith("  + "))).toHaveLength(3_000);
    expect(stdout).toContain("different: 3000 rows in 1 table");
    expect(stdout).not.toContain("\u001b");

    const damaged = join(dir, "damaged");
    writeFileSync(damaged, "x".repeat(9_000));
    const refused = await pair.a.cli("snapshot", "diff", fixture("2.7.1-shop"), damaged);
    expect(refused).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("SQLite") });
    expect((await pair.a.cli("snapshot", "diff", fixture("2.7.1-shop"), join(dir, "none"))).code).toBe(1);
    const same = await pair.a.cli("snapshot", "diff", many, many);
    expect(same.stdout).toContain("equal: 19 tables compared");
  });
});
