import { describe, expect, it } from "vitest";
import { defaultKeepLocal, parseKeepLocal } from "./keep-local.js";
import { servedRows } from "./scratch-content.js";
import { keepsItsVariables, makeHarmless, scratchVariables } from "./scratch-database.js";
import { makeLogins, placesIn } from "./scratch-places.js";
import { rowsOf } from "./test-admin.js";
import { copyOf, manifestFor, scratch } from "./test-fixtures.js";

const lineage = { epoch: 1, sequence: 1, node: "a" };
const keepLocal = parseKeepLocal(defaultKeepLocal);

function variablesIn(file: string): Map<string, string> {
  const rows = rowsOf(file, "global_variables") as { variable_name: string; variable_value: string }[];
  return new Map(rows.map((row) => [row.variable_name, row.variable_value]));
}

describe("a snapshot made harmless", () => {
  const busy = [
    "INSERT INTO scheduler(interval_ms,filename) VALUES (1000,'/bin/job')",
    "INSERT INTO restapi_routes(timeout_ms,method,uri,script) VALUES (1000,'GET','x','/bin/job')",
    "INSERT INTO proxysql_servers(hostname) VALUES ('peer')",
    "UPDATE global_variables SET variable_value = 'true' WHERE variable_name LIKE '%enabled'",
    "UPDATE global_variables SET variable_value = '127.0.0.1:7000' WHERE variable_name LIKE '%ifaces'",
    "UPDATE global_variables SET variable_value = '127.0.0.1:7001' WHERE variable_name LIKE '%interfaces'",
    "UPDATE global_variables SET variable_value = '/var/log/x' WHERE variable_name GLOB '*_filename' OR variable_name GLOB '*_file'",
  ];

  it.each(["2.7.1-shop", "3.0.0-alpha-shop"])("of %s listens, writes and works nowhere else", (name) => {
    const { sockets } = placesIn("/scratch");
    const file = copyOf(name, scratch(), ...busy);
    makeHarmless(file, scratchVariables(sockets, makeLogins()));

    for (const table of ["scheduler", "restapi_routes", "proxysql_servers", "global_settings"])
      expect(rowsOf(file, table)).toEqual([]);
    const variables = variablesIn(file);
    const elsewhere = [...variables].filter(
      ([, value]) => /:\d+$/.test(value) || (value.startsWith("/") && !value.startsWith("/scratch/data/")),
    );
    expect(elsewhere).toEqual([]);
    for (const started of ["mysql-monitor", "admin-restapi", "admin-web"])
      expect(variables.get(`${started}_enabled`)).toBe("false");
    const listeners = [...variables].filter(
      ([key]) => /ifaces$|interfaces$/.test(key) && !/telnet/.test(key),
    );
    expect(new Set(listeners.map(([, value]) => value)).size).toBe(listeners.length);
    expect(rowsOf(file, "mysql_servers")).toHaveLength(3);
  });

  it("names its listeners even where the snapshot leaves them to ProxySQL's defaults", () => {
    const file = copyOf("2.7.1-shop", scratch(), "DELETE FROM global_variables");
    makeHarmless(file, scratchVariables(placesIn("/scratch").sockets, makeLogins()));

    const variables = variablesIn(file);
    expect(variables.get("admin-mysql_ifaces")).toBe("/scratch/data/admin.sock");
    expect(variables.get("mysql-interfaces")).toBe("/scratch/data/client.sock");
    expect(variables.get("pgsql-interfaces")).toBe("/scratch/data/pgsql.sock");
  });

  it("tells only what holds none of its passwords", () => {
    const file = copyOf(
      "2.7.1-shop",
      scratch(),
      "UPDATE global_variables SET variable_value = 'mon1tor' WHERE variable_name = 'mysql-monitor_password'",
    );
    const logins = makeLogins();
    const { tell } = makeHarmless(file, scratchVariables(placesIn("/scratch").sockets, logins));

    expect(tell("drill: proxysql: not found")).toBe("drill: proxysql: not found");
    for (const secret of ["app-secret", "mon1tor", logins.password])
      expect(tell(`access denied for ${secret}.`)).toBe(undefined);
  });
});

describe("keepsItsVariables", () => {
  it("knows the definition of every version, and no other", async () => {
    for (const name of ["2.7.1-shop", "3.0.0-alpha-shop"]) {
      expect(keepsItsVariables(await manifestFor(copyOf(name, scratch()), lineage), undefined)).toBe(true);
    }
    const renamed = copyOf(
      "2.7.1-shop",
      scratch(),
      "ALTER TABLE global_variables RENAME TO other",
      "ALTER TABLE other RENAME TO global_variables",
    );
    const manifest = await manifestFor(renamed, lineage);
    expect(keepsItsVariables(manifest, undefined)).toBe(false);
    // What this host's ProxySQL says of itself counts more than what we know.
    const own = { global_variables: manifest.tables.global_variables?.definition ?? "" };
    expect(keepsItsVariables(manifest, own)).toBe(true);
  });
});

describe("servedRows", () => {
  it("counts what modules load, without what is the host's or emptied", async () => {
    const file = copyOf(
      "2.7.1-shop",
      scratch(),
      "CREATE TABLE mysql_servers_v200c AS SELECT * FROM mysql_servers",
      "INSERT INTO scheduler(interval_ms,filename) VALUES (1000,'/bin/job')",
    );
    const rows = servedRows({ manifest: await manifestFor(file, lineage), keepLocal });

    expect(rows).toMatchObject({ mysql_servers: 3, mysql_users: 1, mysql_galera_hostgroups: 0 });
    for (const not of ["scheduler", "mysql_servers_v200c", "proxysql_servers", "global_variables"])
      expect(rows).not.toHaveProperty(not);
  });
});

describe("placesIn", () => {
  it.each([
    ["/long".padEnd(120, "x"), /too long for a drill/],
    ["/with:colon", /does not allow a drill/],
    ['/with"quote', /does not allow a drill/],
    ["/with;part", /does not allow a drill/],
  ])("refuses %s, which ProxySQL would misread", (dir, why) => {
    expect(() => placesIn(dir)).toThrow(why);
  });
});
