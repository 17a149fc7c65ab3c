import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger } from "../platform/log.js";
import { type AlertEvent, Alerts } from "./alerts.js";
import { type Reason, type ReasonCode, reasonKinds } from "./reason.js";

let dir: string;
let lines: Record<string, unknown>[];
let alerts: Alerts | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "alerts-"));
  lines = [];
});

afterEach(async () => {
  await alerts?.stop();
  alerts = undefined;
  rmSync(dir, { recursive: true, force: true });
});

/** A hook that is a real program; `$1` is the test's directory. */
function hook(script: string): string[] {
  const file = join(dir, "hook.sh");
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return [file, dir];
}

function start(command: readonly string[] | undefined, timeout = 10_000): Alerts {
  const log = createLogger("debug", { write: (line: string) => lines.push(JSON.parse(line)) });
  alerts = new Alerts({ command, timeout, log });
  return alerts;
}

function event(
  code: ReasonCode,
  kind: AlertEvent["event"] = "raised",
  about: string | null = null,
): AlertEvent {
  const reason: Reason = {
    code,
    about,
    sentence: "Something\nis wrong.",
    todo: "Mend it.",
    since: "2026-01-01T00:00:00.000Z",
    ...reasonKinds[code],
  };
  const at = "2026-01-01T00:00:01.000Z";
  return { schema: "proxysql-carp/alert/v1", event: kind, node: "a", role: "MASTER", at, reason };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !holds(); await sleep(10)) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
  }
}

function read(name: string): string {
  return existsSync(join(dir, name)) ? readFileSync(join(dir, name), "utf8") : "";
}

function said(message: string): Record<string, unknown>[] {
  return lines.filter(({ msg }) => msg === message);
}

describe("Alerts", () => {
  it("logs fixed sentences, with the level that the severity asks for", () => {
    const quiet = start(undefined);
    quiet.tell(event("both-master", "raised", "b"));
    quiet.tell(event("both-master", "repeated", "b"));
    quiet.tell(event("drift"));
    quiet.tell(event("drift", "cleared"));

    expect(lines.map(({ level, msg, reason }) => [level, msg, reason])).toEqual([
      ["error", "reason raised", "both-master"],
      ["error", "reason remains", "both-master"],
      ["warn", "reason raised", "drift"],
      ["info", "reason cleared", "drift"],
    ]);
    expect(lines[0]).toMatchObject({ about: "b", why: "Something\nis wrong.", todo: "Mend it." });
  });

  it("gives the hook the event as JSON on stdin and in its environment", async () => {
    const told = event("peer-unreachable", "raised", "b");
    start(hook('cat >"$1/stdin"; env | grep ^PROXYSQL_CARP_ | sort >"$1/env"; : >"$1/done"')).tell(told);
    await until("the hook was called", () => existsSync(join(dir, "done")));

    expect(JSON.parse(read("stdin"))).toEqual(told);
    expect(read("env").trim().split("\n")).toEqual(
      expect.arrayContaining([
        "PROXYSQL_CARP_ABOUT=b",
        "PROXYSQL_CARP_CODE=peer-unreachable",
        "PROXYSQL_CARP_EVENT=raised",
        "PROXYSQL_CARP_GROUP=peer",
        "PROXYSQL_CARP_NODE=a",
        "PROXYSQL_CARP_ROLE=MASTER",
        "PROXYSQL_CARP_SENTENCE=Something\\nis wrong.",
        "PROXYSQL_CARP_SEVERITY=critical",
        "PROXYSQL_CARP_SINCE=2026-01-01T00:00:00.000Z",
      ]),
    );
  });

  it("starts a hook although what a peer said holds a zero byte", async () => {
    const told = event("peer-unreachable");
    const reason = { ...told.reason, sentence: "a\0b" };
    start(hook('echo "$PROXYSQL_CARP_SENTENCE" >"$1/said"')).tell({ ...told, reason });
    await until("the hook was called", () => read("said") !== "");

    expect(read("said")).toBe("a\\x00b\n");
  });

  it("calls it for one event after the other, in order", async () => {
    const busy = start(
      hook(
        'mkdir "$1/lock" || echo overlap >>"$1/order"; echo "$PROXYSQL_CARP_CODE" >>"$1/order"; rmdir "$1/lock"',
      ),
    );
    const codes = ["drift", "both-master", "no-master", "drift", "role-unknown"] as const;
    for (const code of codes) busy.tell(event(code));
    await until("all were told", () => read("order").split("\n").length > codes.length);

    expect(read("order").trim().split("\n")).toEqual(codes);
    await until("all are counted", () => busy.counts?.delivered === codes.length);
    expect(busy.counts).toEqual({ delivered: codes.length, failed: 0, dropped: 0 });
  });

  it("is not delayed by a hook that hangs: it is killed with its children, and said", async () => {
    const hanging = start(hook('echo $$ >"$1/pid"; sleep 600 & echo $! >"$1/child"; wait'), 300);
    const began = performance.now();
    hanging.tell(event("drift"));
    expect(performance.now() - began).toBeLessThan(250);
    await until("it was given up", () => said("an alert was not delivered").length === 1);

    expect(said("an alert was not delivered")).toMatchObject([
      { event: "raised", reason: "drift", why: expect.stringContaining("within 300 ms") },
    ]);
    for (const name of ["pid", "child"]) await until(`${name} is gone`, () => !isAlive(Number(read(name))));
  });

  it("calls the hook for the next event after one that hung", async () => {
    const moody = start(
      hook('[ "$PROXYSQL_CARP_CODE" != drift ] || sleep 600; echo "$PROXYSQL_CARP_CODE" >>"$1/order"'),
      500,
    );
    moody.tell(event("drift"));
    moody.tell(event("no-master"));
    await until("the second was told", () => read("order") !== "");

    expect(read("order")).toBe("no-master\n");
  });

  it("says once for each event that a hook died, with the end of what it complained", async () => {
    const dying = start(hook("printf '%01000d' 0 >&2; echo ' no mail server' >&2; exit 7"));
    dying.tell(event("drift"));
    dying.tell(event("drift", "cleared"));
    await until("both failed", () => said("an alert was not delivered").length === 2);

    const [first] = said("an alert was not delivered");
    expect(first?.why).toMatch(/ended with 7: 0+ no mail server$/);
    expect(String(first?.why).length).toBeLessThan(700);
  });

  it("says that a hook cannot be started, and goes on", async () => {
    const missing = start([join(dir, "nothing-here"), "--token=secret"]);
    missing.tell(event("drift"));
    await until("it is said", () => said("an alert was not delivered").length === 1);

    expect(said("an alert was not delivered")[0]?.why).toContain("could not be run");
    expect(JSON.stringify(lines)).not.toContain("secret");
    expect(missing.counts).toEqual({ delivered: 0, failed: 1, dropped: 0 });
  });

  it("does not mind a hook that reads nothing", async () => {
    const told = event("drift");
    const long = { ...told, reason: { ...told.reason, sentence: "x".repeat(1_000_000) } };
    start(hook('exec <&-; echo called >>"$1/calls"')).tell(event("no-master"));
    alerts?.tell(long);
    await alerts?.stop();

    expect(read("calls")).toBe("called\ncalled\n");
    expect(said("an alert was not delivered")).toEqual([]);
  });

  it("keeps at most a hundred waiting, and says which it dropped", async () => {
    const full = start(hook("sleep 600"), 60_000);
    for (let n = 0; n < 110; n += 1) full.tell(event("drift", "raised", `table${n}`));

    // One is with the hook already, a hundred wait.
    expect(said("an alert is dropped: the hook does not keep up").map(({ about }) => about)).toEqual(
      Array.from({ length: 9 }, (_, n) => `table${n + 1}`),
    );
    expect(full.counts?.dropped).toBe(9);
  });

  it("lets the hook have what waits when the agent ends, and does not wait long for one that hangs", async () => {
    const quick = start(hook('echo "$PROXYSQL_CARP_CODE" >>"$1/order"'));
    quick.tell(event("drift"));
    quick.tell(event("no-master"));
    await quick.stop();
    expect(read("order")).toBe("drift\nno-master\n");

    const hanging = start(hook('echo $$ >"$1/pid"; sleep 600'), 600_000);
    hanging.tell(event("drift"));
    hanging.tell(event("no-master"));
    await until("it hangs", () => read("pid") !== "");
    const began = performance.now();
    await hanging.stop();

    expect(performance.now() - began).toBeLessThan(10_000);
    await until("it is gone", () => !isAlive(Number(read("pid"))));
    expect(said("an alert was not delivered").map(({ reason }) => reason)).toEqual(["drift", "no-master"]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
