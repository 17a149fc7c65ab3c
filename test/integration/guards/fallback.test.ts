import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createPair, type Pair } from "../../support/pair/pair.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import {
  addAndShip,
  journal,
  leads,
  logOf,
  servers,
  serversInStore,
  startPair,
  until,
} from "../agent/harness.js";

let pair: Pair;
afterEach(() => pair.end());

const reason = usesRealProxysql ? " (skipped with PROXYSQL_BIN: only the stand-in can be poisoned)" : "";
const extra = { proxysql: ['start_timeout = "3s"'] };

/** Saves, on the active node, a configuration that ProxySQL does not live with; it does not run it itself. */
async function poison({ a, b }: Pair, kind: string): Promise<void> {
  const before = (await serversInStore(a)) ?? 0;
  await a.admin(
    `INSERT INTO mysql_servers(hostgroup_id,hostname,comment) VALUES (10,'${kind}.example','standin:${kind}')`,
    "SAVE MYSQL SERVERS TO DISK",
  );
  await until("b has the poison", async () => (await serversInStore(b, "inbox")) === before + 1);
}

describe.skipIf(usesRealProxysql)(`a verified snapshot that ProxySQL does not live with${reason}`, () => {
  const cases = (["warm", "cold"] as const).flatMap((standby) =>
    ["die", "deaf", "lose"].map((kind) => [standby, kind] as const),
  );

  it.each(cases)("in %s standby, standin:%s: the one before is served instead", async (standby, kind) => {
    pair = await startPair({ standby, extra });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await poison(pair, kind);
    await a.kill();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b), 40_000);

    expect(await servers(b)).toBe("10:db1.example:3306");
    const notes = journal(b, "SELECT detail FROM notes WHERE kind = 'snapshot-doubted'");
    expect(notes).toHaveLength(1);
    // Nothing is quarantined: it is sound, and another ProxySQL may live with it.
    expect(await serversInStore(b, "inbox")).toBe(2);
  });

  it("is passed over on a passive node too, which goes on serving what it had", async () => {
    pair = await startPair({ standby: "warm", extra });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await poison(pair, "die");
    await until(
      "b has given it up",
      async () => journal(b, "SELECT 1 FROM notes WHERE kind = 'snapshot-doubted'").length === 1,
      40_000,
    );
    await until("b serves what it had", async () => (await servers(b)) === "10:db1.example:3306", 30_000);

    // The next one that is good is taken.
    await a.admin(
      "DELETE FROM mysql_servers WHERE hostname='die.example'",
      "INSERT INTO mysql_servers(hostgroup_id,hostname) VALUES (10,'db2.example')",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SAVE MYSQL SERVERS TO DISK",
    );
    await until("b has what a has", async () => (await servers(b)).endsWith("10:db2.example:3306"), 30_000);
  });

  it("gives way to what the node had when it is the only one", async () => {
    pair = await createPair({ standby: "cold", extra });
    const { a, b } = pair;
    await Promise.all([a.startSsh(b), b.startSsh(a), a.startProxysql(), b.startProxysql()]);
    await until("both answer", async () => (await servers(a)) + (await servers(b)) === "");
    await b.admin(
      "INSERT INTO mysql_servers(hostgroup_id,hostname) VALUES (10,'own.example')",
      "SAVE MYSQL SERVERS TO DISK",
    );
    await a.admin(
      "INSERT INTO mysql_servers(hostgroup_id,hostname,comment) VALUES (10,'bad.example','standin:die')",
      "SAVE MYSQL SERVERS TO DISK",
    );
    a.writeRole("MASTER");
    a.startAgent();
    b.startAgent();
    await until("b has the first snapshot", async () => (await serversInStore(b, "inbox")) === 1);
    await a.kill();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b), 40_000);

    expect(await servers(b)).toBe("10:own.example:3306");
  });
});

describe("trouble that is no snapshot's fault", () => {
  it("does not keep a repaired passive node from the configuration that arrived while its ProxySQL was broken", {
    timeout: 240_000,
  }, async () => {
    pair = await startPair({ standby: "warm", extra: { proxysql: ['start_timeout = "2s"'] } });
    const { a, b } = pair;
    const broken = join(b.dir, "host/service.start.noop");
    const held = "SELECT 1 FROM snapshots WHERE event = 'installed'";
    await until("b holds the first snapshot", async () => journal(b, held).length > 0, 30_000);
    await writeFile(broken, "");
    await b.run("service", ["proxysql", "onestop"]);
    await addAndShip(a, b, "db1.example");
    const failedWithout =
      "SELECT 1 FROM steps WHERE step = 'prove' AND outcome = 'failed' AND id > (SELECT max(id) FROM steps WHERE step = 'reject')";
    await until("b fails without what it doubts", async () => journal(b, failedWithout).length > 0, 120_000);
    expect((await b.status()).doubts).not.toEqual([]);

    await rm(broken);
    await until("b has what a has", async () => (await servers(b)) === "10:db1.example:3306", 60_000);
    await until("b doubts nothing", async () => (await b.status()).doubts.length === 0, 30_000);
  });

  it("does not keep a MASTER's ProxySQL down when nothing can be put in place", async () => {
    pair = await startPair({ standby: "cold", extra });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await until(
      "b has put it in place",
      async () => journal(b, "SELECT 1 FROM steps WHERE step = 'install' AND outcome = 'done'").length >= 2,
      30_000,
    );
    // As a full or damaged disk does: no directory to work in can be made.
    await rm(join(b.dir, "state/staging"), { recursive: true });
    await writeFile(join(b.dir, "state/staging"), "");
    await addAndShip(a, b, "db2.example");
    await a.kill();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b), 60_000);

    expect(await servers(b)).toBe("10:db1.example:3306");
    expect(logOf(b)).toContain("no configuration can be put in place");
  });
});
