import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PeerLink } from "../../../src/peer/link-types.js";
import type { KnownError } from "../../../src/platform/errors.js";
import { writeDefinitions } from "../../../src/snapshot/definitions.js";
import { packedDatabaseName } from "../../../src/snapshot/pack.js";
import {
  builtIn,
  connect,
  errorOf,
  fronts,
  type Host,
  inboxNames,
  makeHost,
  type Shot,
  serveCommand,
  snapshotAt,
  startFront,
} from "./harness.js";

async function causeOfPut(link: PeerLink, { stored, manifest }: Shot): Promise<unknown> {
  const error = (await errorOf(link.put(stored.dir, manifest))) as KnownError;
  expect(error.code).toBe("peer-refused");
  return error.fields.cause;
}

function quarantinedCauses(host: Host): unknown[] {
  const dir = join(host.stateDir, "quarantine");
  if (!existsSync(dir)) return [];
  return readdirSync(dir).map(
    (name) => JSON.parse(readFileSync(join(dir, name, "cause.json"), "utf8")).cause,
  );
}

/** The same snapshot in a directory of its own, its packed database changed. */
function damaged(host: Host, { stored, manifest }: Shot, change: (bytes: Buffer) => Buffer): Shot {
  const dir = join(host.dir, `damaged-${readdirSync(host.dir).length}`);
  cpSync(stored.dir, dir, { recursive: true });
  const file = join(dir, packedDatabaseName);
  writeFileSync(file, change(readFileSync(file)));
  return { stored: { ...stored, dir }, manifest };
}

function flip(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
    return changed;
  };
}

describe.each(fronts)("through $name", (kind) => {
  test.skipIf(kind.missing)(
    "what was damaged on the way is refused, kept with its cause, and hurts nothing",
    async () => {
      const [a, b] = [makeHost("a"), makeHost("b")];
      const link = await connect(a, b, await startFront(kind, b, a.clientKey));
      const good = await snapshotAt(a, { sequence: 1 });
      await link.put(good.stored.dir, good.manifest);
      const next = await snapshotAt(a, { sequence: 2 }, ["UPDATE mysql_servers SET weight = weight + 1"]);

      expect(await causeOfPut(link, damaged(a, next, flip(2_000)))).toBe("digest-differs");
      expect(
        await causeOfPut(
          link,
          damaged(a, next, (bytes) => bytes.subarray(0, bytes.length - 900)),
        ),
      ).toBe("digest-differs");
      const other = await snapshotAt(a, { sequence: 3 });
      expect(await causeOfPut(link, { stored: other.stored, manifest: next.manifest })).toMatch(/-differs$/);

      expect(quarantinedCauses(b)).toHaveLength(3);
      expect(quarantinedCauses(b)).toContain("digest-differs");
      expect(inboxNames(b)).toEqual([good.manifest.id]);
      expect(await link.put(next.stored.dir, next.manifest)).toBe("stored");
      expect((await link.latest())?.id).toBe(next.manifest.id);
    },
  );

  test.skipIf(kind.missing)("older and diverged ones are refused before a byte of them is sent", async () => {
    const [a, b, c] = [makeHost("a"), makeHost("b"), makeHost("c")];
    const link = await connect(a, b, await startFront(kind, b, a.clientKey));
    const newest = await snapshotAt(a, { epoch: 4, sequence: 5 });
    await link.put(newest.stored.dir, newest.manifest);
    const older = await snapshotAt(a, { epoch: 4, sequence: 4 });
    const rival = await snapshotAt(c, { epoch: 4, sequence: 9, node: "c" });
    const twin = await snapshotAt(c, { epoch: 4, sequence: 5, node: "a" }, ["DELETE FROM mysql_query_rules"]);

    // Their files are gone: had they been asked for, the error would be another.
    for (const shot of [older, rival, twin]) writeFileSync(join(shot.stored.dir, packedDatabaseName), "");
    expect(await causeOfPut(link, older)).toBe("older");
    expect(await causeOfPut(link, rival)).toBe("diverged");
    expect(await causeOfPut(link, twin)).toBe("diverged");
    expect(inboxNames(b)).toEqual([newest.manifest.id]);
  });

  test.skipIf(kind.missing)("definitions that this host's ProxySQL does not have are refused", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    await writeDefinitions(b.stateDir, { version: "2.7.1", tables: { mysql_servers: "0".repeat(64) } });
    const link = await connect(a, b, await startFront(kind, b, a.clientKey));

    expect(await causeOfPut(link, await snapshotAt(a, {}))).toBe("definitions-differ");
    expect(quarantinedCauses(b)).toEqual(["definitions-differ"]);
  });
});

test("a sudden emptiness is refused until an operator accepts it", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const link = await connect(a, b, await startFront(builtIn, b, a.clientKey));
  const full = await snapshotAt(a, { sequence: 1 });
  await link.put(full.stored.dir, full.manifest);
  const empty = await snapshotAt(a, { sequence: 2 }, ["DELETE FROM mysql_users"]);

  expect(await causeOfPut(link, empty)).toBe("suspiciously-empty");
  expect(await link.put(empty.stored.dir, empty.manifest, { accept: true })).toBe("stored");
});

test("a snapshot that the peer's disk has damaged is not called `already`, but taken again", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const link = await connect(a, b, await startFront(builtIn, b, a.clientKey));
  const shot = await snapshotAt(a, {});
  await link.put(shot.stored.dir, shot.manifest);
  const file = join(b.stateDir, "inbox", shot.manifest.id, packedDatabaseName);
  writeFileSync(file, flip(3_000)(readFileSync(file)));

  expect(await link.put(shot.stored.dir, shot.manifest)).toBe("stored");
  expect(readFileSync(file).equals(readFileSync(join(shot.stored.dir, packedDatabaseName)))).toBe(true);
  expect(quarantinedCauses(b)).toEqual(["digest-differs"]);
});

test("without room on the disk the peer says so, and keeps nothing", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const link = await connect(
    a,
    b,
    await startFront(builtIn, b, a.clientKey, serveCommand(b, { reserveBytes: 2 ** 52 })),
  );

  expect(await causeOfPut(link, await snapshotAt(a, {}))).toBe("disk-full");
  expect(inboxNames(b)).toEqual([]);
  expect(link.view.state).toBe("up");
});

test("a disk that fills up in the middle is named, and nothing half is left", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  // A limit on file size fails a write as a full disk does, without needing root.
  const limited = ["sh", "-c", 'ulimit -f 24; exec "$@"', "sh", ...serveCommand(b, { reserveBytes: 0 })];
  const link = await connect(a, b, await startFront(builtIn, b, a.clientKey, limited));
  const shot = await snapshotAt(a, {});

  expect(await causeOfPut(link, shot)).toBe("disk-full");
  expect(inboxNames(b)).toEqual([]);
  expect(quarantinedCauses(b)).toEqual([]);
});

test("a name that leads out of the store is not looked up", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const link = await connect(a, b, await startFront(builtIn, b, a.clientKey));
  mkdirSync(join(a.dir, "into"));

  for (const id of [
    "../../etc",
    "..",
    "",
    "/etc/passwd",
    "0000000001-0000000001-../x",
    "0000000001-0000000009-a",
  ]) {
    const error = (await errorOf(link.get(id, join(a.dir, "into")))) as KnownError;
    expect(error.code).toBe("snapshot-missing");
  }
  expect(readdirSync(join(a.dir, "into"))).toEqual([]);
});
