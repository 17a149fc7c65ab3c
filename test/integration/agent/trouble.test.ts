import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createPair, type Pair } from "../../support/pair/pair.js";
import {
  addAndShip,
  addServer,
  journal,
  leads,
  logOf,
  servers,
  serversInStore,
  startPair,
  until,
} from "./harness.js";

let pair: Pair;
afterEach(() => pair.end());

function boxOf(node: Pair["a"], box: string): string[] {
  return readdirSync(join(node.dir, "state", box)).sort();
}

describe("a bad snapshot", () => {
  it.each(["warm", "cold"] as const)(
    "in %s standby: found damaged at promotion, it goes to quarantine and the one before is used",
    async (standby) => {
      pair = await startPair({ standby });
      const { a, b } = pair;
      await addAndShip(a, b, "db1.example");
      await b.stopAgent();
      await addAndShip(a, b, "db2.example");
      await a.kill();
      const newest = boxOf(b, "inbox").at(-1) as string;
      flipByte(join(b.dir, "state/inbox", newest, "proxysql.db.gz"));
      b.startAgent();
      await b.setRole("MASTER");
      await until("b leads", () => leads(b));

      expect(await servers(b)).toBe("10:db1.example:3306");
      expect(boxOf(b, "quarantine").join()).toContain(newest);
      const [cause] = boxOf(b, "quarantine").map((name) =>
        JSON.parse(readFileSync(join(b.dir, "state/quarantine", name, "cause.json"), "utf8")),
      );
      expect(cause).toMatchObject({ cause: "digest-differs" });
    },
  );

  it("that is older than what runs is not installed, whatever its time", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await addAndShip(a, b, "db2.example");
    await until("b uses both", async () => (await servers(b)).includes("db2"));
    const [oldest] = boxOf(b, "inbox");
    for (const name of boxOf(b, "inbox").slice(1))
      rmSync(join(b.dir, "state/inbox", name), { recursive: true });
    utimesSync(join(b.dir, "state/inbox", oldest as string), new Date(), new Date());
    await a.kill();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b));

    expect(await servers(b)).toBe("10:db1.example:3306 10:db2.example:3306");
  });
});

describe("a promotion", () => {
  it("without any snapshot starts with what the node has, and says so", async () => {
    pair = await createPair({ standby: "cold" });
    const { a } = pair;
    a.startAgent();
    await a.setRole("MASTER");
    await until("a leads", () => leads(a));

    expect(logOf(a)).toContain("promoted without a snapshot");
    expect(journal(a, "SELECT kind FROM notes")).toContainEqual({ kind: "promoted-without-snapshot" });
  });

  it("fetches from the peer what never reached this node", async () => {
    pair = await startPair({ standby: "cold" });
    const { a, b } = pair;
    // b's own sshd is down, so nothing can be sent to it; it can still ask a.
    await b.stopSsh();
    await addServer(a, "db1.example");
    await until("a has a snapshot of it", async () => (await serversInStore(a, "outbox")) === 1);
    await a.stopAgent();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b));

    expect(await servers(b)).toBe("10:db1.example:3306");
  });

  it("restores the last snapshot over a database that a power cut tore", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await a.kill();
    writeFileSync(join(a.dir, "proxysql/proxysql.db"), "torn");
    await b.stop();
    a.startAgent();
    await until("a leads", () => leads(a));

    expect(await servers(a)).toBe("10:db1.example:3306");
  });
});

describe("a stranger at the peer's address", () => {
  it("is refused: both fingerprints are told, nothing is sent", async () => {
    pair = await createPair({ standby: "warm" });
    const { a, b } = pair;
    const config = readFileSync(a.configFile, "utf8");
    writeFileSync(a.configFile, config.replace(b.hostKey.publicLine.trim(), a.hostKey.publicLine.trim()));
    await Promise.all([a.startSsh(b), b.startSsh(a), a.startProxysql(), b.startProxysql()]);
    a.writeRole("MASTER");
    a.startAgent();
    b.startAgent();
    const error = await until(
      "the refusal shows",
      async () => (await a.status()).peers[0]?.error ?? undefined,
    );

    expect(new Set(error.match(/SHA256:[A-Za-z0-9+/]+/g))).toHaveProperty("size", 2);
    expect(boxOf(b, "inbox")).toEqual([]);
  });
});

describe("two masters", () => {
  it("heal into one: what is live stays, the other side's change is kept and reported", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await until("b uses it", async () => (await servers(b)).includes("db1"));
    await Promise.all([a.stopSsh(), b.stopSsh()]);
    await until("both see the link down", async () =>
      (await Promise.all([a.status(), b.status()])).every(({ peers }) => peers[0]?.link !== "up"),
    );
    await b.setRole("MASTER");
    await until("b leads too", () => leads(b));
    await addServer(a, "from-a.example");
    await addServer(b, "from-b.example");
    await until("both have a snapshot", async () => {
      const both = await Promise.all([serversInStore(a, "outbox"), serversInStore(b, "outbox")]);
      return both.every((count) => count === 2);
    });
    await Promise.all([a.startSsh(b), b.startSsh(a)]);
    await b.setRole("BACKUP");
    await until("b runs what a runs", async () => (await servers(b)).includes("from-a"));

    expect(await servers(a)).toBe("10:db1.example:3306 10:from-a.example:3306");
    expect(journal(a, "SELECT kind FROM notes")).toContainEqual({ kind: "divergence" });
    expect(journal(b, "SELECT kind FROM notes")).toContainEqual({ kind: "superseded-unshipped" });
    expect(await serversInStore(b, "outbox")).toBe(2);
    await until("b says that it holds a's lineage", async () => {
      const [ours, theirs] = await Promise.all([a.status(), b.status()]);
      return ours.running?.text === theirs.running?.text;
    });
  });
});

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}
