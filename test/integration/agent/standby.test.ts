import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Pair } from "../../support/pair/pair.js";
import {
  addAndShip,
  addServer,
  journal,
  leads,
  servers,
  serversInStore,
  startPair,
  until,
} from "./harness.js";

let pair: Pair;
afterEach(() => pair.end());

function keptBy(node: Pair["a"]): string[] {
  const dir = join(node.dir, "state/kept");
  return existsSync(dir) ? readdirSync(dir) : [];
}

describe("a snapshot that the peer lacks", () => {
  it("is sent when the link is back, also by an agent that was restarted meanwhile", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await b.stopSsh();
    await until("a sees the link down", async () => (await a.status()).peers[0]?.link !== "up");
    await addServer(a, "db1.example");
    await until("a has a snapshot of it", async () => (await serversInStore(a, "outbox")) === 1);
    await a.stopAgent();
    a.startAgent();
    await until("a leads again", () => leads(a));
    await b.startSsh(a);
    await until("b has it", async () => (await serversInStore(b, "inbox")) === 1);
  });

  it("is sent to a peer that lost its disk, and until then is a problem", async () => {
    pair = await startPair({ standby: "cold" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await b.stop();
    await until("a sees the link down", async () => (await a.status()).peers[0]?.link !== "up");
    for (const part of ["inbox", "outbox"]) rmSync(join(b.dir, "state", part), { recursive: true });
    for (const name of readdirSync(join(b.dir, "state")))
      rmSync(join(b.dir, "state", name), { recursive: true });
    rmSync(join(b.dir, "proxysql/proxysql.db"));
    await b.startSsh(a);
    b.startAgent();
    await until("b has it again", async () => (await serversInStore(b, "inbox")) === 1);
    await until("a has no more to say of it", async () => (await a.status()).problems.length === 0);
  });
});

describe("a configuration that was edited on the passive node", () => {
  it("does not go live: the verified one is put back, the edit is kept aside and noted", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await until(
      "b runs it",
      async () => (await b.status()).running?.text === (await a.status()).running?.text,
    );
    await b.admin("DELETE FROM mysql_servers");
    await addServer(b, "evil.example");
    await a.kill();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b));

    expect(await servers(b)).toBe("10:db1.example:3306");
    expect(journal(b, "SELECT kind FROM notes")).toContainEqual({ kind: "local-edit-replaced" });
    expect(keptBy(b)).toHaveLength(1);
  });

  it("does not keep it from leading if it was not even saved", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await until(
      "b runs it",
      async () => (await b.status()).running?.text === (await a.status()).running?.text,
    );
    await b.admin("INSERT INTO mysql_servers(hostgroup_id,hostname) VALUES (10,'half-done.example')");
    await a.kill();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b));

    expect(await servers(b)).toBe("10:db1.example:3306");
  });
});

describe("an active node that lost its journal", () => {
  it.each([
    ["finds its lineage again by what its database says", false],
    ["leads on with what it serves, and rolls nothing back", true],
  ])("%s", async (_, edited) => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await a.stopAgent();
    if (edited) await addServer(a, "db2.example");
    const before = await servers(a);
    for (const name of readdirSync(join(a.dir, "state"))) {
      if (name.startsWith("journal.db")) rmSync(join(a.dir, "state", name));
    }
    a.startAgent();
    await until("a leads", () => leads(a));
    await until("b has what a has", async () => (await serversInStore(b, "inbox")) === (edited ? 2 : 1));

    expect(await servers(a)).toBe(before);
  });
});

describe("a table that is emptied on purpose", () => {
  it("is held back, is a problem, and is shipped once it is accepted", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await a.admin("DELETE FROM mysql_servers", "LOAD MYSQL SERVERS TO RUNTIME", "SAVE MYSQL SERVERS TO DISK");
    await until("it is a problem", async () =>
      (await a.status()).problems.join().includes("snapshot verify --accept"),
    );
    expect(await serversInStore(b, "inbox")).toBe(1);

    const taken = await a.cli("snapshot", "take", "--accept");
    expect(taken.code).toBe(0);
    await until("b has it", async () => (await serversInStore(b, "inbox")) === 0);
    await until("no problem is left", async () => (await a.status()).problems.length === 0);
  });
});

it("keeps as many snapshots as it should, on both nodes", async () => {
  pair = await startPair({ standby: "warm", extra: { snapshots: ["keep = 3"] } });
  const { a, b } = pair;
  for (let n = 0; n < 6; n += 1) await addAndShip(a, b, `db${n}.example`);
  const count = (node: Pair["a"], box: string): number => readdirSync(join(node.dir, "state", box)).length;

  await until("the boxes are small", async () => count(a, "outbox") === 3 && count(b, "inbox") === 3);
  expect(await serversInStore(b, "inbox")).toBe(6);
});
