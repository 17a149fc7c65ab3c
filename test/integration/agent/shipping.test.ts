import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pair } from "../../support/pair/pair.js";
import { addAndShip, addServer, journal, servers, serversInStore, startPair, until } from "./harness.js";

describe("shipping", () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await startPair({
      standby: "warm",
      extra: { snapshots: ['schedule = "* * * * * *"', "[log]", 'level = "debug"'] },
    });
  });

  afterAll(() => pair.end());

  it("brings a change to the peer's disk and into its running ProxySQL", async () => {
    await addAndShip(pair.a, pair.b, "db1.example");
    await until("b uses it", async () => (await servers(pair.b)) === "10:db1.example:3306");

    const { peers, lastTaken } = await pair.a.status();
    expect(peers[0]?.lastShipped?.snapshot).toBe(lastTaken?.snapshot);
  });

  it("keeps the passive node's own listeners", async () => {
    const rows = await pair.b.admin(
      "SELECT variable_value FROM global_variables WHERE variable_name='admin-mysql_ifaces'",
    );

    expect(rows).toEqual([[`127.0.0.1:${pair.b.ports.admin}`]]);
  });

  it("ships nothing for a SAVE that changes nothing, nor for a tick of the schedule", async () => {
    const shipped = (): number => journal(pair.a, "SELECT * FROM snapshots WHERE event = 'shipped'").length;
    const before = shipped();
    const ticks = (): number =>
      readFileSync(join(pair.a.dir, "agent.log"), "utf8").split("nothing to ship").length;
    const ticked = ticks();
    await pair.a.admin("SAVE MYSQL SERVERS TO DISK", "SAVE MYSQL USERS TO DISK");
    await until("the schedule and the watch have looked", async () => ticks() >= ticked + 3);

    expect(shipped()).toBe(before);
  });

  it("makes few snapshots of a burst of changes, the last of which has them all", async () => {
    const taken = (): number => journal(pair.a, "SELECT * FROM snapshots WHERE event = 'taken'").length;
    const before = taken();
    const had = (await serversInStore(pair.a)) ?? 0;
    for (let n = 0; n < 10; n += 1) await addServer(pair.a, `burst${n}.example`);
    await until("the burst is on b's disk", async () => (await serversInStore(pair.b, "inbox")) === had + 10);

    expect(taken() - before).toBeLessThan(6);
  });

  it("brings changed TLS files to the peer, all three", async () => {
    const names = ["proxysql-ca.pem", "proxysql-cert.pem", "proxysql-key.pem"];
    for (const name of names) {
      const file = join(pair.a.dir, "proxysql", name);
      writeFileSync(file, readFileSync(file, "utf8").replace(/\n$/, "\n\n"));
    }
    const read = (dir: string): string[] =>
      names.map((name) => readFileSync(join(dir, "proxysql", name), "utf8"));

    await until(
      "b has them",
      async () => JSON.stringify(read(pair.b.dir)) === JSON.stringify(read(pair.a.dir)),
    );
  });

  it("runs the scheduler's jobs on the active node alone", async () => {
    await pair.a.admin(
      "INSERT INTO scheduler(id,active,interval_ms,filename) VALUES (7,1,60000,'/usr/bin/true')",
      "LOAD SCHEDULER TO RUNTIME",
      "SAVE SCHEDULER TO DISK",
    );
    await until(
      "b has the job",
      async () => (await pair.b.admin("SELECT id FROM disk.scheduler")).length === 1,
    );

    expect(await pair.b.admin("SELECT id FROM scheduler")).toEqual([["7"]]);
    expect(await pair.b.admin("SELECT id FROM runtime_scheduler")).toEqual([]);
    expect(await pair.a.admin("SELECT id FROM runtime_scheduler")).toEqual([["7"]]);
  });

  it("hands the jobs over with the role", async () => {
    await pair.a.setRole("BACKUP");
    await pair.b.setRole("MASTER");

    await until(
      "b runs it",
      async () => (await pair.b.admin("SELECT id FROM runtime_scheduler")).length === 1,
    );
    await until(
      "a does not",
      async () => (await pair.a.admin("SELECT id FROM runtime_scheduler")).length === 0,
    );
    expect(await pair.a.admin("SELECT id FROM disk.scheduler")).toEqual([["7"]]);
  });

  it("leaves nothing half done in the boxes once it is at rest", async () => {
    for (const { dir } of [pair.a, pair.b]) {
      for (const box of ["inbox", "outbox", "staging"]) {
        const halfDone = (): string[] =>
          readdirSync(join(dir, "state", box)).filter((name) => !/^\d{10}-\d{10}-[ab]$/.test(name));
        await until(`${box} is at rest`, async () => halfDone().length === 0, 5_000);
      }
    }
  });
});
