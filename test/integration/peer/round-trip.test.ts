import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { packedDatabaseName } from "../../../src/snapshot/pack.js";
import { connect, fronts, inboxNames, makeHost, scratch, snapshotAt, startFront } from "./harness.js";

describe.each(fronts)("through $name", (kind) => {
  test.skipIf(kind.missing)("a snapshot goes over, is there, and comes back the same", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    const link = await connect(a, b, await startFront(kind, b, a.clientKey));
    const first = await snapshotAt(a, { epoch: 3, sequence: 7 });

    expect(await link.latest()).toBeUndefined();
    expect(await link.put(first.stored.dir, first.manifest)).toBe("stored");
    expect(await link.put(first.stored.dir, first.manifest)).toBe("already");

    expect(await link.latest()).toEqual(first.manifest);
    expect(await link.list()).toEqual([
      { id: first.manifest.id, lineage: { epoch: 3, sequence: 7, node: "a" }, box: "inbox" },
    ]);
    expect(inboxNames(b)).toEqual([first.manifest.id]);
    expect(await b.store.manifest(first.manifest.id)).toEqual(first.manifest);

    const back = scratch();
    expect(await link.get(first.manifest.id, back)).toEqual(first.manifest);
    for (const name of [packedDatabaseName]) {
      expect(readFileSync(join(back, name)).equals(readFileSync(join(first.stored.dir, name)))).toBe(true);
    }
  });

  test.skipIf(kind.missing)(
    "what the peer took itself can be fetched, and counts as its latest",
    async () => {
      const [a, b] = [makeHost("a"), makeHost("b")];
      const link = await connect(a, b, await startFront(kind, b, a.clientKey));
      const own = await snapshotAt(b, { epoch: 9 });

      expect((await link.latest())?.lineage).toEqual({ epoch: 9, sequence: 1, node: "b" });
      const into = scratch();
      expect((await link.get(own.manifest.id, into)).id).toBe(own.manifest.id);
    },
  );

  test.skipIf(kind.missing)("status tells whether the peer's agent answers, and what it says", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    const link = await connect(a, b, await startFront(kind, b, a.clientKey));
    const shot = await snapshotAt(b, {});

    const without = await link.status();
    expect(without).toMatchObject({ node: "b", version: "0.0-test", agent: "down", report: null });
    expect(without.latest).toEqual(shot.manifest.lineage);
    expect(without.freeBytes).toBeGreaterThan(0);
    expect(Math.abs(without.now - Date.now())).toBeLessThan(60_000);

    const asked: unknown[] = [];
    const agent = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        asked.push(JSON.parse(bytes.toString()));
        socket.end('{"roles":{"9@em0":"BACKUP"}}\n');
      });
    });
    mkdirSync(b.runDir, { recursive: true });
    await new Promise<void>((resolve) => agent.listen(join(b.runDir, "peer.sock"), resolve));
    onTestFinished(() => void agent.close());

    expect(await link.status()).toMatchObject({ agent: "up", report: { roles: { "9@em0": "BACKUP" } } });
    const sent = await snapshotAt(a, { epoch: 2 });
    await link.put(sent.stored.dir, sent.manifest);
    await expect.poll(() => asked).toContainEqual({ op: "received", id: sent.manifest.id });
    expect(await link.ping()).toBeGreaterThan(0);
    await expect.poll(() => link.view.clockSkew, { timeout: 5_000 }).toBeDefined();
  });
});
