import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Demotion } from "../carp/demotion.js";
import type { Config } from "../config/schema.js";
import { Journal } from "../journal/journal.js";
import { Care } from "./care.js";

const up = {
  running: true,
  admin: true,
  serving: true,
  paused: false,
  scheduler: null,
  version: "2.7.1",
  problems: [],
};
const config = { carp: { hold: 30_000, moves_per_hour: 6 }, proxysql: { restarts: 2 } } as unknown as Config;
const health = { fit: true, recovered: true, standsAside: false };

let dir: string;
let journal: Journal;
let care: Care;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "Date"] });
  dir = mkdtempSync(join(tmpdir(), "care-"));
  journal = Journal.open(join(dir, "journal.db"), () => {});
  care = new Care(config, journal, new Demotion({ read: () => undefined, write: () => {} }, "boot"));
});

afterEach(() => {
  vi.useRealTimers();
  journal.close();
  rmSync(dir, { recursive: true });
});

function nextTryInMs(view: Partial<typeof up>): number {
  return care.look("MASTER", { ...up, ...view }, true, health).nextTryInMs;
}

describe("a MASTER's ProxySQL", () => {
  it("that serves clients while its admin is busy is left alone for a minute", () => {
    expect(nextTryInMs({ admin: false })).toBe(60_000);
    vi.advanceTimersByTime(30_000);
    expect(nextTryInMs({ admin: false })).toBe(30_000);
    // Its port has been closed only now.
    expect(nextTryInMs({ admin: false, serving: false })).toBe(2_000);
    expect(nextTryInMs({ admin: false })).toBe(30_000);
    vi.advanceTimersByTime(30_000);
    expect(nextTryInMs({ admin: false })).toBe(0);
  });

  it("that serves nobody is started anew after two seconds, a dead one at once", () => {
    expect(nextTryInMs({ serving: false })).toBe(2_000);
    vi.advanceTimersByTime(2_000);
    expect(nextTryInMs({ serving: false })).toBe(0);
    expect(nextTryInMs({ serving: false, running: false, admin: false })).toBe(0);
  });
});

describe("a configuration that cannot be put in place", () => {
  it("is not waited for after the third try of a MASTER", () => {
    const cannotPlace = (role: "MASTER" | "BACKUP"): boolean =>
      care.look(role, up, false, health).cannotPlace;
    expect([care.notePlaceFailed(), care.notePlaceFailed(), cannotPlace("MASTER")]).toEqual([
      false,
      false,
      false,
    ]);
    expect([care.notePlaceFailed(), cannotPlace("MASTER")]).toEqual([true, true]);
    expect([cannotPlace("BACKUP"), cannotPlace("MASTER")]).toEqual([false, false]);
  });
});

describe("a sysctl that does not answer", () => {
  const path = process.env.PATH;

  afterEach(() => {
    process.env.PATH = path;
  });

  it("is asked once at a time", async () => {
    vi.useRealTimers();
    const bin = join(dir, "bin");
    mkdirSync(bin);
    writeFileSync(
      join(bin, "sysctl"),
      `#!/bin/sh\necho x >> ${dir}/asked\nsleep 0.3\necho 0\necho 1\necho 1\n`,
      {
        mode: 0o755,
      },
    );
    process.env.PATH = `${bin}:${path}`;
    const first = care.refreshSysctls();
    await care.refreshSysctls();
    expect(care.view().total).toBeNull();
    await first;
    expect(care.view()).toMatchObject({ total: 0, preempt: true, allow: true });
  });
});
