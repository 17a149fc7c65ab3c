import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyPlanned } from "./apply.js";
import { planApply } from "./apply-plan.js";
import { defaultKeepLocal, parseKeepLocal } from "./keep-local.js";
import { rowsOf, shippedTables, TestAdmin } from "./test-admin.js";
import { copyOf, fixture, scratch } from "./test-fixtures.js";

const keep = parseKeepLocal(defaultKeepLocal);
const shop = fixture("2.7.1-shop");

function expectHolds(admin: TestAdmin, snapshot: string, tables = shippedTables("2.7.1-shop")): void {
  for (const table of tables) {
    expect(admin.rows("main", table), `main.${table}`).toEqual(rowsOf(snapshot, table));
    expect(admin.rows("disk", table), `disk.${table}`).toEqual(rowsOf(snapshot, table));
  }
}

describe("applyPlanned", () => {
  it("brings an empty ProxySQL to the snapshot, on main, runtime and disk", async () => {
    const admin = new TestAdmin(copyOf("2.7.1-default", scratch()));

    const result = await applyPlanned(admin, shop, keep);

    expectHolds(admin, shop);
    expect(result.changedModules).toEqual(["MYSQL SERVERS", "MYSQL USERS", "MYSQL QUERY RULES"]);
    expect(result).toMatchObject({ unchanged: false, left: [] });
    expect(admin.effects.filter((sql) => /^(LOAD|SAVE)/.test(sql))).toEqual([
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SAVE MYSQL SERVERS TO DISK",
      "LOAD MYSQL USERS TO RUNTIME",
      "SAVE MYSQL USERS TO DISK",
      "LOAD MYSQL QUERY RULES TO RUNTIME",
      "SAVE MYSQL QUERY RULES TO DISK",
    ]);
    expect(await admin.query("SHOW DATABASES")).not.toContainEqual(
      expect.objectContaining({ name: "restore_src" }),
    );
  });

  it("changes nothing the second time, and loads only the module that differs", async () => {
    const admin = new TestAdmin(copyOf("2.7.1-shop", scratch()));

    expect(await applyPlanned(admin, shop, keep)).toEqual({
      changedModules: [],
      rows: 0,
      unchanged: true,
      left: [],
    });
    expect(admin.effects).toEqual([]);
    admin.db.exec("UPDATE main.mysql_users SET default_hostgroup = 99");
    expect(await applyPlanned(admin, shop, keep)).toMatchObject({ changedModules: ["MYSQL USERS"], rows: 2 });
    expect(admin.rows("main", "mysql_users")).toEqual(rowsOf(shop, "mysql_users"));
  });

  it("keeps what is this host's own, and takes every other variable", async () => {
    const dir = scratch();
    const snapshot = copyOf(
      "2.7.1-shop",
      dir,
      "UPDATE global_variables SET variable_value = variable_value || '-peer'",
      "INSERT INTO global_variables VALUES ('mysql-only_there','1')",
      "INSERT INTO proxysql_servers(hostname) VALUES ('peer')",
    );
    const admin = new TestAdmin(copyOf("2.7.1-shop", dir));
    admin.db.exec("INSERT INTO main.global_variables VALUES ('mysql-only_here','1')");
    const before = new Map(
      (admin.rows("main", "global_variables") as { variable_name: string; variable_value: string }[]).map(
        (row) => [row.variable_name, row.variable_value],
      ),
    );

    await applyPlanned(admin, snapshot, keep);

    const own = [
      ...[
        "admin-mysql_ifaces",
        "admin-admin_credentials",
        "admin-version",
        "admin-web_port",
        "mysql-interfaces",
      ],
      ...["mysql-threads", "mysql-ssl_p2s_ca", "mysql-ssl_p2s_crlpath", "mysql-only_here", "mysql-stacksize"],
    ];
    for (const name of own) expect(admin.variable(name), name).toBe(before.get(name));
    expect(admin.variable("mysql-max_connections")).toBe("10000-peer");
    expect(admin.variable("mysql-max_connections", "disk")).toBe("10000-peer");
    expect(admin.variable("admin-refresh_interval")).toBe("2000-peer");
    expect(admin.variable("mysql-only_there")).toBeUndefined();
    expect(admin.rows("main", "proxysql_servers")).toEqual([]);
    expect(admin.effects.join()).not.toContain("PROXYSQL SERVERS");
  });

  it("saves the scheduler but never loads it to runtime", async () => {
    const dir = scratch();
    const snapshot = copyOf(
      "2.7.1-shop",
      dir,
      "INSERT INTO scheduler(interval_ms,filename) VALUES (1000,'/bin/true')",
    );
    const admin = new TestAdmin(copyOf("2.7.1-shop", dir));

    expect((await applyPlanned(admin, snapshot, keep)).changedModules).toEqual(["SCHEDULER"]);

    expect(admin.rows("disk", "scheduler")).toHaveLength(1);
    expect(admin.effects.join()).not.toContain("LOAD SCHEDULER");
  });

  it("keeps a column's value in rows that are here, and takes it in rows that are new", async () => {
    const dir = scratch();
    const job = (id: number, file: string, arg: string): string =>
      `INSERT INTO scheduler(id,interval_ms,filename,arg1) VALUES (${id},1000,'${file}','${arg}')`;
    const snapshot = copyOf("2.7.1-shop", dir, job(1, "/peer/one", "new"), job(2, "/peer/two", "new"));
    const admin = new TestAdmin(
      copyOf("2.7.1-shop", dir, job(1, "/here/one", "old"), job(3, "/here/gone", "old")),
    );
    const withColumn = parseKeepLocal([...defaultKeepLocal, "scheduler.filename"]);

    await applyPlanned(admin, snapshot, withColumn);

    const expected = [
      { id: 1, filename: "/here/one", arg1: "new" },
      { id: 2, filename: "/peer/two", arg1: "new" },
    ];
    expect(admin.rows("main", "scheduler")).toMatchObject(expected);
    expect(admin.rows("disk", "scheduler")).toMatchObject(expected);
    expect(await applyPlanned(admin, snapshot, withColumn)).toMatchObject({ unchanged: true });
    const key = parseKeepLocal(["scheduler.id"]);
    await expect(applyPlanned(admin, snapshot, key)).rejects.toMatchObject({ code: "config-invalid" });
  });

  it("applies between versions what both know, and names what is left", async () => {
    const older = new TestAdmin(copyOf("2.7.1-default", scratch()));
    const newer = new TestAdmin(copyOf("3.0.0-alpha-shop", scratch()));

    const down = await applyPlanned(older, fixture("3.0.0-alpha-shop"), keep);
    const up = await applyPlanned(newer, fixture("2.7.1-shop"), keep);

    expect(older.rows("main", "mysql_servers")).toEqual(rowsOf(fixture("3.0.0-alpha-shop"), "mysql_servers"));
    expect(down.left).toContain("pgsql_servers");
    expect(down.changedModules.join()).not.toContain("PGSQL");
    expectHolds(newer, shop);
    expect(newer.rows("main", "pgsql_servers")).toHaveLength(1);
    expect(up.left).toContain("pgsql_users");
  });

  it("applies the pgsql modules where both have them", async () => {
    const admin = new TestAdmin(copyOf("3.0.0-alpha-default", scratch()));

    const { changedModules } = await applyPlanned(admin, fixture("3.0.0-alpha-shop"), keep);

    expectHolds(admin, fixture("3.0.0-alpha-shop"), shippedTables("3.0.0-alpha-shop"));
    expect(changedModules).toEqual(expect.arrayContaining(["PGSQL SERVERS", "PGSQL USERS"]));
    expect(await applyPlanned(admin, fixture("3.0.0-alpha-shop"), keep)).toMatchObject({ unchanged: true });
  });

  it("never shows an emptied table between two statements", async () => {
    const snapshot = copyOf("2.7.1-shop", scratch(), "UPDATE mysql_servers SET weight = 7");
    const admin = new TestAdmin(copyOf("2.7.1-shop", scratch()));
    const seen: number[] = [];
    admin.before = () => void seen.push(admin.rows("main", "mysql_servers").length);

    await applyPlanned(admin, snapshot, keep);

    expect(new Set(seen)).toEqual(new Set([3]));
  });

  it("converges after being cut off before any of its statements", async () => {
    const change = ["UPDATE mysql_servers SET weight = 7", "DELETE FROM mysql_query_rules WHERE rule_id = 2"];
    const snapshot = copyOf("2.7.1-shop", scratch(), ...change);
    const whole = new TestAdmin(copyOf("2.7.1-default", scratch()));
    await applyPlanned(whole, snapshot, keep);
    expect(whole.log.length).toBeGreaterThan(30);

    for (let cut = 0; cut < whole.log.length; cut += 1) {
      const admin = new TestAdmin(copyOf("2.7.1-default", scratch()));
      admin.before = () => {
        if (admin.log.length > cut) throw new Error("cut off");
      };
      await expect(applyPlanned(admin, snapshot, keep)).rejects.toThrow("cut off");
      admin.before = () => undefined;
      const written = admin.effects.length;
      const { changedModules } = await applyPlanned(admin, snapshot, keep);
      expectHolds(admin, snapshot);
      // A module that was not saved before the cut is loaded again after it, even if main had all rows already.
      const again = admin.effects.slice(written);
      for (const module of changedModules) expect(again).toContain(`LOAD ${module} TO RUNTIME`);
      const saved = admin.effects.filter((sql) => sql === "SAVE MYSQL SERVERS TO DISK");
      expect(saved.length, `cut ${cut}`).toBeGreaterThanOrEqual(1);
    }
  });

  it("does not believe a SAVE that says OK", async () => {
    const admin = new TestAdmin(copyOf("2.7.1-default", scratch()));
    admin.savesAreLost = true;

    const error: unknown = await applyPlanned(admin, shop, keep).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({
      code: "proxysql-unproven",
      fields: { module: "MYSQL SERVERS", layer: "disk" },
    });
    expect(await admin.query("SHOW DATABASES")).toHaveLength(2);
  });

  it("names the variable that ProxySQL did not take", async () => {
    const dir = scratch();
    const bad = "UPDATE global_variables SET variable_value='99' WHERE variable_name='mysql-poll_timeout'";
    const admin = new TestAdmin(copyOf("2.7.1-shop", dir));
    const reset =
      "UPDATE main.global_variables SET variable_value='2000' WHERE variable_name='mysql-poll_timeout'";
    admin.before = (sql) => {
      if (sql === "LOAD MYSQL VARIABLES TO RUNTIME") admin.db.exec(reset);
    };

    await expect(applyPlanned(admin, copyOf("2.7.1-shop", dir, bad), keep)).rejects.toThrow(
      "mysql-poll_timeout",
    );
  });

  it("detaches what a killed agent left attached, and takes a path with a quote", async () => {
    const dir = scratch();
    const quoted = join(dir, "o'clock.db");
    const db = new Database(shop, { readonly: true });
    await db.backup(quoted);
    db.close();
    const admin = new TestAdmin(copyOf("2.7.1-default", dir));
    admin.db.exec(`ATTACH '${fixture("2.7.1-halfsaved")}' AS restore_src`);

    await applyPlanned(admin, quoted, keep);

    expectHolds(admin, shop);
  });

  it("changes nothing if ProxySQL does not see the snapshot", async () => {
    const dir = scratch();
    const empty = join(dir, "empty.db");
    writeFileSync(empty, "");
    const admin = new TestAdmin(copyOf("2.7.1-shop", dir));

    await expect(applyPlanned(admin, empty, keep)).rejects.toMatchObject({ code: "proxysql-unproven" });
    expect(admin.effects).toEqual([]);
  });

  it("makes main and disk equal to any snapshot, whatever they were, and then has nothing to do", {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(configuration, configuration, configuration, async (there, main, disk) => {
        const dir = scratch();
        const snapshot = copyOf("2.7.1-default", dir, ...statements(there));
        const admin = new TestAdmin(copyOf("2.7.1-default", dir, ...statements(disk)));
        for (const statement of statements(main)) admin.db.exec(statement);

        await applyPlanned(admin, snapshot, keep);

        expectHolds(admin, snapshot);
        expect(admin.variable("mysql-threads")).toBe(main.threads);
        expect(admin.variable("mysql-max_connections")).toBe(there.connections);
        expect(await applyPlanned(admin, snapshot, keep)).toMatchObject({ unchanged: true });
        admin.db.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe("planApply", () => {
  const table = { name: "mysql_users", columns: ["username"], key: ["username"] };
  const plan = (main: (typeof table)[], snapshot: (typeof table)[]): ReturnType<typeof planApply> =>
    planApply({ main, disk: main, snapshot, variablePrefixes: [], keepLocal: keep });

  it("plans nothing for what only one side has", () => {
    expect(plan([table], []).modules).toEqual([]);
    expect(plan([table], []).left).toEqual(["mysql_users"]);
    expect(plan([], [table]).modules).toEqual([]);
  });

  it("uses the columns both sides have, by name", () => {
    const wide = { ...table, columns: ["extra", "username"] };

    const [module] = plan([wide], [table]).modules;

    expect(module?.write.join()).not.toContain("extra");
    expect(plan([table], [wide]).modules).toHaveLength(1);
  });

  it("does not let a name of the snapshot's become SQL", () => {
    const hostile = { ...table, columns: ["username", 'x" FROM y; DROP TABLE z'] };

    expect(() => plan([hostile], [hostile])).toThrow("no name of a table or column");
  });
});

interface Configuration {
  readonly servers: readonly (readonly [number, string, number])[];
  readonly users: readonly (readonly [string, string | null])[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly connections: string;
  readonly threads: string;
}

/** Small ranges, so that rows of two configurations meet, and swap values that have to be unique. */
const configuration: fc.Arbitrary<Configuration> = fc.record({
  servers: fc.array(fc.tuple(fc.nat(2), fc.constantFrom("a", "b", "ü'\""), fc.nat(3)), { maxLength: 5 }),
  users: fc.uniqueArray(fc.tuple(fc.constantFrom("u", "v", "w"), fc.constantFrom("", "p", null)), {
    selector: ([name]) => name,
  }),
  pairs: fc.uniqueArray(fc.tuple(fc.nat(4), fc.integer({ min: 5, max: 8 })), {
    selector: ([, reader]) => reader,
  }),
  connections: fc.constantFrom("1", "2", ""),
  threads: fc.constantFrom("4", "8"),
});

function statements({ servers, users, pairs, connections, threads }: Configuration): string[] {
  const text = (value: string | null): string =>
    value === null ? "NULL" : `'${value.replaceAll("'", "''")}'`;
  return [
    "DELETE FROM mysql_servers; DELETE FROM mysql_users; DELETE FROM mysql_replication_hostgroups",
    ...servers.map(
      ([group, host, weight]) =>
        `INSERT OR REPLACE INTO mysql_servers(hostgroup_id,hostname,weight) VALUES (${group},${text(host)},${weight})`,
    ),
    ...users.map(
      ([name, password]) =>
        `INSERT INTO mysql_users(username,password) VALUES (${text(name)},${text(password)})`,
    ),
    ...pairs.map(
      ([writer, reader]) =>
        `INSERT OR REPLACE INTO mysql_replication_hostgroups(writer_hostgroup,reader_hostgroup) VALUES (${writer},${reader})`,
    ),
    `UPDATE global_variables SET variable_value=${text(connections)} WHERE variable_name='mysql-max_connections'`,
    `UPDATE global_variables SET variable_value=${text(threads)} WHERE variable_name='mysql-threads'`,
  ];
}
