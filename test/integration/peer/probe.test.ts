import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { probeOver } from "../../../src/peer/probe-over.js";
import type { Session } from "../../../src/peer/session.js";
import type { KnownError } from "../../../src/platform/errors.js";
import { packedDatabaseName } from "../../../src/snapshot/pack.js";
import {
  builtIn,
  errorOf,
  fronts,
  type Host,
  inboxNames,
  makeHost,
  servingPids,
  sessionTo,
  signal,
  snapshotAt,
  soon,
  startFront,
  waitFor,
} from "./harness.js";

const timings = { answerMs: soon, verdictMs: soon };

function probeNames(host: Host): string[] {
  const dir = join(host.stateDir, "probe");
  return existsSync(dir) ? readdirSync(dir) : [];
}

describe.each(fronts)("through $name", (kind) => {
  test.skipIf(kind.missing)(
    "a probe goes there and back and leaves nothing, least of all a snapshot",
    async () => {
      const [a, b] = [makeHost("a"), makeHost("b")];
      const session = await sessionTo(a, b, await startFront(kind, b, a.clientKey));
      const shot = await snapshotAt(a, {});

      const times = await probeOver(session, shot.stored.dir, shot.manifest, timings);

      expect(times.bytes).toBe(readFileSync(join(shot.stored.dir, packedDatabaseName)).length);
      for (const ms of [times.thereMs, times.verifyMs, times.backMs]) expect(ms).toBeGreaterThan(0);
      expect(probeNames(b)).toEqual([]);
      expect(inboxNames(b)).toEqual([]);
      expect(await b.store.latest()).toBeUndefined();
    },
  );
});

test("one that was damaged on the way is refused with its cause, and removed", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const session = await sessionTo(a, b, await startFront(builtIn, b, a.clientKey));
  const { stored, manifest } = await snapshotAt(a, {});
  const dir = join(a.dir, "damaged");
  cpSync(stored.dir, dir, { recursive: true });
  const file = join(dir, packedDatabaseName);
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(2_000) ^ 0x10, 2_000);
  writeFileSync(file, bytes);

  const error = (await errorOf(probeOver(session, dir, manifest, timings))) as KnownError;

  expect(error).toMatchObject({ code: "peer-refused", fields: { cause: "digest-differs" } });
  expect(probeNames(b)).toEqual([]);
  expect(await probeOver(session, stored.dir, manifest, timings)).toMatchObject({});
});

test("what the disk there gives back otherwise than it was sent is told", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const session = await sessionTo(a, b, await startFront(builtIn, b, a.clientKey));
  const { stored, manifest } = await snapshotAt(a, {});
  const spoiling: Session = {
    ...session,
    ask: async (op, question) => {
      const frame = await session.ask(op, question);
      if (op === "probe-verify") {
        const [dir = ""] = probeNames(b);
        const file = join(b.stateDir, "probe", dir, packedDatabaseName);
        const bytes = readFileSync(file);
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
        writeFileSync(file, bytes);
      }
      return frame;
    },
  };

  const error = (await errorOf(probeOver(spoiling, stored.dir, manifest, timings))) as KnownError;

  expect(error.code).toBe("not-done");
  expect(error.message).toMatch(/came back from peer "b" other than it was sent/);
  expect(probeNames(b)).toEqual([]);
});

test("a second one waits for its turn, and what a killed process leaves is swept", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const front = await startFront(builtIn, b, a.clientKey);
  const first = await sessionTo(a, b, front);
  const second = await sessionTo(a, b, front);
  const { stored, manifest } = await snapshotAt(a, {});
  const size = readFileSync(join(stored.dir, packedDatabaseName)).length;
  const offer = {
    fields: { files: [{ name: packedDatabaseName, size }] },
    body: Buffer.from(JSON.stringify(manifest)),
    ms: soon,
  };
  await first.ask("probe-offer", offer);

  const refused = (await errorOf(probeOver(second, stored.dir, manifest, timings))) as KnownError;
  expect(refused.fields.cause).toBe("busy");
  expect(probeNames(b)).toHaveLength(1);

  for (const pid of servingPids(b)) signal(pid, "SIGKILL");
  await first.ended;
  await waitFor("the killed ones are gone", () => servingPids(b).length === 0);
  expect(probeNames(b)).toHaveLength(1);
  await sessionTo(a, b, front);
  expect(probeNames(b)).toEqual([]);
});

test("what is half there when the session ends is removed", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const session = await sessionTo(a, b, await startFront(builtIn, b, a.clientKey));
  const { manifest } = await snapshotAt(a, {});
  await session.ask("probe-offer", {
    fields: { files: [{ name: packedDatabaseName, size: 10 }] },
    body: Buffer.from(JSON.stringify(manifest)),
    ms: soon,
  });
  expect(probeNames(b)).toHaveLength(1);
  session.close();
  await waitFor("it is removed", () => probeNames(b).length === 0);
});

test("pieces that nobody waits for, names of other files and giants are refused", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const session = await sessionTo(a, b, await startFront(builtIn, b, a.clientKey));
  const { manifest } = await snapshotAt(a, {});
  const body = Buffer.from(JSON.stringify(manifest));
  const cause = async (op: string, fields: object, bytes: Uint8Array = Buffer.alloc(0)): Promise<unknown> => {
    const error = await errorOf(session.ask(op, { fields: { ...fields }, body: bytes, ms: soon }));
    return (error as KnownError | undefined)?.fields.cause;
  };

  expect(await cause("probe-chunk", { name: packedDatabaseName, offset: 0 }, body)).toBe("not-asked-so");
  expect(await cause("probe-verify", {})).toBe("not-asked-so");
  expect(await cause("probe-offer", { files: [{ name: "../../x", size: 1 }] }, body)).toBe("incomplete");
  const giant = { files: [{ name: packedDatabaseName, size: 65 * 1024 * 1024 }] };
  expect(await cause("probe-offer", giant, body)).toBe("failed");
  await session.ask("probe-offer", {
    fields: { files: [{ name: packedDatabaseName, size: 10 }] },
    body,
    ms: soon,
  });
  expect(await cause("probe-read", { name: "manifest.json", offset: 0, length: 1 })).toBe("not-asked-so");
  expect(await cause("probe-verify", {})).toBe("incomplete");
  await session.ask("probe-end", { ms: soon });
  expect(probeNames(b)).toEqual([]);
});
