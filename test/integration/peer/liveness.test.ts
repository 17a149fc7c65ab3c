import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectPeer } from "../../../src/peer/connect.js";
import { openSession } from "../../../src/peer/session.js";
import { monotonic } from "../../../src/platform/clock.js";
import type { KnownError } from "../../../src/platform/errors.js";
import { packedDatabaseName } from "../../../src/snapshot/pack.js";
import { descendantsOf } from "../../support/sshd.js";
import {
  addressOf,
  builtIn,
  connect,
  errorOf,
  freeze,
  fronts,
  inboxNames,
  makeHost,
  servingPids,
  signal,
  snapshotAt,
  startFront,
  startLink,
  waitFor,
} from "./harness.js";

/** How long a mute peer may go unnoticed here. Meant are 1.5 s; the machine may be busy. */
const noticedMs = 5_000;

/** Rows that no compression makes small. */
function bulk(megabytes: number): string {
  const rows = Array.from({ length: megabytes * 16 }, () => `('${randomBytes(32_768).toString("hex")}')`);
  return `CREATE TABLE bulk (text VARCHAR); INSERT INTO bulk VALUES ${rows.join(",")}`;
}

describe.each(fronts)("through $name", (kind) => {
  test.skipIf(kind.missing)(
    "a serving process that hangs is noticed, delays nobody else, and is replaced",
    async () => {
      const [a, b, c] = [makeHost("a"), makeHost("b"), makeHost("c")];
      const [toB, toC] = await Promise.all([
        startFront(kind, b, a.clientKey).then((front) => connect(a, b, front)),
        startFront(kind, c, a.clientKey).then((front) => connect(a, c, front)),
      ]);
      const shot = await snapshotAt(a, {});
      const downs: KnownError[] = [];
      toB.onDown((cause) => downs.push(cause));

      await toB.warm();
      freeze(servingPids(b));
      const frozenAt = monotonic();
      const asked = errorOf(toB.put(shot.stored.dir, shot.manifest));
      expect(await toC.put(shot.stored.dir, shot.manifest)).toBe("stored");
      await waitFor("the link to be down", () => toB.view.state !== "up");

      expect(monotonic() - frozenAt).toBeLessThan(noticedMs);
      expect(downs[0]?.message).toContain("silent");
      expect(((await asked) as KnownError).message).toContain("is silent");
      expect(toC.view.state).toBe("up");
      // The next connection gets a process of its own, and the hung one holds nothing that it needs.
      expect(await toB.waitUp(20_000)).toBe(true);
      expect(await toB.put(shot.stored.dir, shot.manifest)).toBe("stored");
    },
  );

  test.skipIf(kind.missing)("the link comes back by itself after the server was restarted", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    const front = await startFront(kind, b, a.clientKey);
    // Without the nudge it would rest for longer than this test may take.
    const link = await connect(a, b, front, { rest: (failures) => (failures < 3 ? 50 : 600_000) });
    let ups = 0;
    link.onUp(() => {
      ups += 1;
    });

    await front.stop();
    await waitFor("the link to be down", () => link.view.state !== "up");
    await waitFor("a failed attempt", () => link.view.failures >= 3);
    await startFront(kind, b, a.clientKey, undefined, front.port);
    link.nudge();

    expect(await link.waitUp(20_000)).toBe(true);
    expect(ups).toBe(1);
    expect(await link.latest()).toBeUndefined();
  });

  test.skipIf(kind.missing)(
    "a large put neither starves the heartbeat nor the questions beside it",
    async () => {
      const [a, b] = [makeHost("a"), makeHost("b")];
      const link = await connect(a, b, await startFront(kind, b, a.clientKey));
      const downs: KnownError[] = [];
      link.onDown((cause) => downs.push(cause));
      const shot = await snapshotAt(a, {}, [bulk(24)]);
      let going = true;
      const put = link.put(shot.stored.dir, shot.manifest).finally(() => {
        going = false;
      });
      const times: number[] = [];
      let visible = 0;
      while (going) {
        times.push(await link.ping());
        visible += (await link.latest()) === undefined ? 0 : 1;
        await sleep(20);
      }

      expect(await put).toBe("stored");
      expect(link.view.state).toBe("up");
      expect(times.length).toBeGreaterThan(3);
      expect(downs).toEqual([]);
      // At most the last question came after the snapshot was complete.
      expect(visible).toBeLessThan(3);
    },
  );

  test.skipIf(kind.missing)("an upload that is cut off leaves nothing to see", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    const front = await startFront(kind, b, a.clientKey);
    const shot = await snapshotAt(a, {}, [bulk(1)]);
    const files = [{ name: packedDatabaseName, size: 400_000 }];
    const body = Buffer.from(JSON.stringify(shot.manifest));
    const half = async () => {
      const connection = await connectPeer(addressOf(a, b, front), 10_000, new AbortController().signal);
      const introduction = { node: "a", version: "0", peerName: "b", purpose: "bulk" } as const;
      const session = await openSession(await connection.exec(10_000), introduction, 10_000);
      await session.ask("offer", { fields: { files }, body, ms: 10_000 });
      await session.ask("chunk", {
        fields: { name: packedDatabaseName, offset: 0 },
        body: randomBytes(60_000),
        ms: 10_000,
      });
      expect(inboxNames(b)).toHaveLength(1);
      expect(await b.store.list()).toEqual([]);
      return connection;
    };

    // The client is killed: its serving process reads the end and clears up.
    (await half()).destroy();
    await waitFor("the half upload to be gone", () => inboxNames(b).length === 0);

    // The serving process is killed: the next one clears up.
    const connection = await half();
    const killed = servingPids(b);
    for (const pid of killed) signal(pid, "SIGKILL");
    // Ended and reaped: one that sshd has not waited for yet still counts as alive, and its half upload as its own.
    await waitFor("the serving process to be gone", () => !killed.some((pid) => existsSync(`/proc/${pid}`)));
    expect(inboxNames(b)).toHaveLength(1);
    connection.destroy();
    const link = await connect(a, b, front);
    expect(await link.put(shot.stored.dir, shot.manifest)).toBe("stored");
    expect(inboxNames(b)).toEqual([shot.manifest.id]);
  });

  test.skipIf(kind.missing)(
    "stop is quick and final, also when the peer hangs, and leaves no process",
    async () => {
      const [a, b] = [makeHost("a"), makeHost("b")];
      const front = await startFront(kind, b, a.clientKey);
      const link = await connect(a, b, front);
      const waiting = errorOf(link.status());
      await link.stop();
      await waiting;
      expect(link.view.state).toBe("down");
      await waitFor("the serving process to end", () => servingPids(b).length === 0);

      const hung = await connect(a, b, front);
      const thaw = freeze(servingPids(b));
      const asked = errorOf(hung.latest());
      const from = monotonic();
      await hung.stop();
      expect(monotonic() - from).toBeLessThan(noticedMs);
      expect(((await asked) as KnownError).code).toBe("peer-unreachable");
      thaw();
      await waitFor("the serving process to end", () => servingPids(b).length === 0);
    },
  );
});

test.skipIf(fronts[1]?.missing)(
  "an sshd that hangs as a whole is noticed, and every attempt ends",
  async () => {
    const [kind] = fronts.slice(1);
    const [a, b] = [makeHost("a"), makeHost("b")];
    const front = await startFront(kind ?? builtIn, b, a.clientKey);
    const link = await connect(a, b, front, { timings: { connectMs: 800 }, rest: () => 100 });
    const pid = front.pid ?? 0;
    const thaw = freeze([pid, ...descendantsOf(pid)]);
    const frozenAt = monotonic();

    await waitFor("the link to be down", () => link.view.state !== "up");
    expect(monotonic() - frozenAt).toBeLessThan(noticedMs);
    await waitFor("attempts that failed", () => link.view.failures >= 3);
    expect(link.view.lastError?.message).toContain("no answer within");
    thaw();
    link.nudge();
    expect(await link.waitUp(20_000)).toBe(true);
  },
);

test("a receiving process that hangs costs only its own put", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const link = await connect(a, b, await startFront(builtIn, b, a.clientKey), {
    timings: { transferMs: 2_000 },
  });
  const control = servingPids(b);
  await link.warm();
  const receiving = servingPids(b).filter((pid) => !control.includes(pid));
  expect(receiving).toHaveLength(1);
  freeze(receiving);
  const shot = await snapshotAt(a, {});

  const error = (await errorOf(link.put(shot.stored.dir, shot.manifest))) as KnownError;
  expect(error.code).toBe("deadline");
  expect(link.view.state).toBe("up");
  expect(await link.put(shot.stored.dir, shot.manifest)).toBe("stored");
});

test("puts and gets at once take turns and all arrive", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const link = await connect(a, b, await startFront(builtIn, b, a.clientKey));
  const own = await snapshotAt(b, { epoch: 1 });
  const shots = [];
  for (let sequence = 1; sequence <= 4; sequence += 1)
    shots.push(await snapshotAt(a, { epoch: 2, sequence }));
  const into = await snapshotAt(a, { epoch: 8 });

  const work = shots.map(({ stored, manifest }) => link.put(stored.dir, manifest));
  const fetched = link.get(own.manifest.id, join(into.stored.dir, "..", "..")).then(({ id }) => id);
  expect(await Promise.all(work)).toEqual(["stored", "stored", "stored", "stored"]);
  expect(await fetched).toBe(own.manifest.id);
  expect(readdirSync(join(b.stateDir, "inbox"))).toHaveLength(4);
});

test("a peer that is away at the start is reached when it comes", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const first = await startFront(builtIn, b, a.clientKey);
  await first.stop();
  const link = startLink(a, addressOf(a, b, first));
  expect(await link.waitUp(300)).toBe(false);
  await startFront(builtIn, b, a.clientKey, undefined, first.port);

  expect(await link.waitUp(25_000)).toBe(true);
});

/** Forwards one TCP port to another, `bytesPerSecond` each way, as a slow line does. */
async function slowLine(port: number, bytesPerSecond: number): Promise<number> {
  const sockets = new Set<Socket>();
  const forward = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on("error", () => {});
    from.on("close", () => to.destroy());
    from.on("data", (bytes) => {
      from.pause();
      to.write(bytes);
      setTimeout(() => from.resume(), (bytes.length / bytesPerSecond) * 1_000);
    });
  };
  const line = createServer((near) => {
    const far = createConnection({ port, host: "127.0.0.1" });
    forward(near, far);
    forward(far, near);
  });
  await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    line.close();
  });
  return (line.address() as AddressInfo).port;
}

test("on a slow line a put takes its time, and the heartbeat still comes through", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const front = await startFront(builtIn, b, a.clientKey);
  const link = await connect(a, b, { ...front, port: await slowLine(front.port, 192 * 1024) });
  const downs: KnownError[] = [];
  link.onDown((cause) => downs.push(cause));
  const shot = await snapshotAt(a, {}, [bulk(1)]);

  expect(await link.put(shot.stored.dir, shot.manifest)).toBe("stored");
  expect(downs).toEqual([]);
});

test("SIGTERM ends a serving process cleanly: what was half received is gone", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const front = await startFront(builtIn, b, a.clientKey);
  const shot = await snapshotAt(a, {});
  const connection = await connectPeer(addressOf(a, b, front), 10_000, new AbortController().signal);
  onTestFinished(() => connection.destroy());
  const introduction = { node: "a", version: "0", peerName: "b", purpose: "bulk" } as const;
  const session = await openSession(await connection.exec(10_000), introduction, 10_000);
  const body = Buffer.from(JSON.stringify(shot.manifest));
  await session.ask("offer", {
    fields: { files: [{ name: packedDatabaseName, size: 4_000 }] },
    body,
    ms: 10_000,
  });
  expect(inboxNames(b)).toHaveLength(1);

  for (const pid of servingPids(b)) signal(pid, "SIGTERM");
  expect((await session.ended).message).toContain("with code 0");
  expect(inboxNames(b)).toEqual([]);
});
