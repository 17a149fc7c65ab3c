import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { AdminClient } from "../../../src/proxysql/admin-client.js";
import { applyPlanned } from "../../../src/snapshot/apply.js";
import { definitionsOf } from "../../../src/snapshot/definitions.js";
import { inspectDatabase } from "../../../src/snapshot/inspect.js";
import { installDatabase } from "../../../src/snapshot/install.js";
import { defaultKeepLocal, parseKeepLocal } from "../../../src/snapshot/keep-local.js";
import { openStore } from "../../../src/snapshot/store.js";
import { type Taken, takeSnapshot } from "../../../src/snapshot/take.js";
import { copyOf, fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import {
  type Proxysql,
  type ProxysqlOptions,
  startProxysql,
  usesRealProxysql,
} from "../../support/proxysql.js";

const keep = parseKeepLocal(defaultKeepLocal);

async function running(options: Partial<ProxysqlOptions> = {}): Promise<{
  proxysql: Proxysql;
  admin: AdminClient;
  datadir: string;
}> {
  const root = scratch();
  const datadir = options.datadir ?? join(root, "data");
  mkdirSync(datadir, { recursive: true });
  const proxysql = await startProxysql({ ...options, datadir });
  onTestFinished(async () => void (await proxysql.kill()));
  const passwordFile = join(root, "password");
  writeFileSync(passwordFile, "admin\n");
  const admin = new AdminClient({ host: "127.0.0.1", port: proxysql.adminPort, user: "admin", passwordFile });
  onTestFinished(() => admin.disconnect());
  return { proxysql, admin, datadir };
}

async function servers(admin: AdminClient, table = "runtime_mysql_servers"): Promise<string[]> {
  const rows = await admin.query(`SELECT hostgroup_id, hostname FROM ${table} ORDER BY 1, 2`);
  return rows.map(({ hostgroup_id, hostname }) => `${hostgroup_id} ${hostname}`);
}

const shopServers = ["10 db1.example", "20 db2.example", "20 db3.example"];

/** A copy that ProxySQL's user can read, as the agent hands it over. */
function handed(name: string, ...statements: string[]): string {
  return copyOf(name, scratch(), ...statements);
}

function admitted(taken: Taken): Extract<Taken, { unchanged: false }> {
  if (taken.unchanged) throw new Error("The snapshot was taken for unchanged.");
  return taken;
}

describe("with a running ProxySQL", () => {
  it("applies a snapshot to main, runtime and disk, once, and keeps its own listeners", async () => {
    const { proxysql, admin, datadir } = await running();
    const job = "INSERT INTO scheduler(interval_ms,filename) VALUES (60000,'/usr/bin/true')";
    const variable =
      "UPDATE global_variables SET variable_value='321' WHERE variable_name='mysql-max_connections'";
    const snapshot = handed("2.7.1-shop", job, variable);

    const first = await applyPlanned(admin, snapshot, keep);

    expect(first.changedModules).toEqual(
      expect.arrayContaining([
        "MYSQL SERVERS",
        "MYSQL USERS",
        "MYSQL QUERY RULES",
        "SCHEDULER",
        "MYSQL VARIABLES",
      ]),
    );
    expect(await servers(admin)).toEqual(shopServers);
    expect(await servers(admin, "disk.mysql_servers")).toEqual(shopServers);
    const inRuntime =
      "SELECT variable_value FROM runtime_global_variables WHERE variable_name = 'mysql-max_connections'";
    expect(await admin.query(inRuntime)).toEqual([{ variable_value: "321" }]);
    expect(await admin.query("SELECT filename FROM disk.scheduler")).toEqual([{ filename: "/usr/bin/true" }]);
    expect(await admin.query("SELECT filename FROM runtime_scheduler")).toEqual([]);
    expect(await applyPlanned(admin, snapshot, keep)).toMatchObject({ unchanged: true, rows: 0 });
    admin.disconnect();
    await proxysql.stop();
    const again = await running({ datadir, adminPort: proxysql.adminPort, clientPort: proxysql.clientPort });
    expect(await servers(again.admin)).toEqual(shopServers);
  });

  it("takes through its admin what another one then holds, digest for digest", async () => {
    const { admin, datadir } = await running();
    await applyPlanned(admin, handed("2.7.1-shop"), keep);
    const state = scratch();
    const store = openStore(state);
    const vacuumInto = (path: string): Promise<void> => admin.exec(`VACUUM disk INTO '${path}'`);
    const definitions = definitionsOf(await inspectDatabase(fixture("2.7.1-default")), null);

    const options = { via: { vacuumInto }, datadir, staging: join(state, "staging"), store, ancestry: [] };
    const lineage = { epoch: 1, sequence: 1, node: "a" };
    const taken = admitted(await takeSnapshot({ ...options, lineage, proxysqlVersion: null, definitions }));

    expect(taken.manifest.method).toBe("admin");
    expect(taken.manifest.tls).toHaveLength(3);
    const before = taken.manifest;
    expect(await takeSnapshot({ ...options, lineage, proxysqlVersion: null, before })).toMatchObject({
      unchanged: true,
    });
    const other = await running();
    const to = scratch();
    await store.unpack(taken.stored.id, to);
    await applyPlanned(other.admin, join(to, "proxysql.db"), keep);
    const copy = join(scratch(), "other.db");
    await other.admin.exec(`VACUUM disk INTO '${copy}'`);
    expect((await inspectDatabase(copy)).shared).toBe(taken.manifest.shared);
  });

  it("starts from an installed snapshot with all its rows, on its own ports", async () => {
    const { proxysql, admin, datadir } = await running();
    admin.disconnect();
    await proxysql.stop();
    const unpackedDir = scratch();
    copyFileSync(fixture("2.7.1-shop"), join(unpackedDir, "proxysql.db"));
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

    await installDatabase({ unpackedDir, datadir, owner, keepDir: join(scratch(), "kept"), keepLocal: keep });

    const again = await running({ datadir, adminPort: proxysql.adminPort, clientPort: proxysql.clientPort });
    expect(await servers(again.admin)).toEqual(shopServers);
    expect(readdirSync(datadir)).toContain("proxysql-key.pem");
  });

  it.skipIf(usesRealProxysql)(
    "applies the pgsql modules of 3.0 (only the stand-in can choose its version)",
    async () => {
      const { admin } = await running({ version: "3.0.0" });

      const { changedModules, left } = await applyPlanned(admin, handed("3.0.0-alpha-shop"), keep);

      expect(changedModules).toEqual(
        expect.arrayContaining(["MYSQL SERVERS", "PGSQL SERVERS", "PGSQL USERS"]),
      );
      expect(left).toEqual([]);
      expect(await admin.query("SELECT COUNT(*) AS n FROM runtime_pgsql_servers")).toEqual([{ n: "1" }]);
    },
  );
});
