import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKnown, type KnownError } from "./errors.js";
import { runProgram } from "./exec.js";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "exec-"));
});

afterEach(() => rmSync(dir, { recursive: true }));

function sh(script: string, ms = 10_000, signal?: AbortSignal): ReturnType<typeof runProgram> {
  return runProgram("sh", ["-c", script], ms, signal);
}

async function refusal(work: Promise<unknown>): Promise<KnownError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isKnown(error)) throw new Error(`not a known error: ${String(error)}`);
  return error;
}

/** Polls until the process of that pid file is gone; false if it still lives after two seconds. */
async function dies(pidFile: string): Promise<boolean> {
  const pid = Number(readFileSync(pidFile, "utf8"));
  const until = Date.now() + 2_000;
  while (Date.now() < until) {
    if (!runs(pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Killed but not yet reaped by whoever took it over counts as ended.
    return !/^\d+ \(.*\) Z /.test(statLine(pid));
  } catch {
    return false;
  }
}

function statLine(pid: number): string {
  return process.platform === "linux" ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
}

/** Fills the pid file, then waits for good together with a child of its own. */
function hanging(pidFile: string): string {
  return `sleep 30 & echo $! >${pidFile}; wait`;
}

async function written(file: string): Promise<void> {
  const until = Date.now() + 5_000;
  while (Date.now() < until) {
    try {
      if (/\n/.test(readFileSync(file, "utf8"))) return;
    } catch {
      // not yet
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${file} was not written`);
}

describe("runProgram", () => {
  it("returns code and output", async () => {
    expect(await sh("echo out; echo err >&2; exit 7")).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
  });

  it("returns no code when a signal ended it", async () => {
    expect(await sh("echo before; kill -TERM $$")).toEqual({
      code: undefined,
      stdout: "before\n",
      stderr: "",
    });
  });

  it("tells a program that is not there", async () => {
    const error = await refusal(runProgram("/nowhere/ifconfig", ["-a"], 1_000));

    expect(error.code).toBe("command-failed");
    expect(error.message).toContain("/nowhere/ifconfig -a could not be run");
  });

  it("does not wait for a grandchild that holds the output, and lets it live", async () => {
    const pidFile = join(dir, "pid");
    const began = Date.now();
    const result = await sh(`sleep 8 & echo $! >${pidFile}; echo started; exit 3`);
    const took = Date.now() - began;
    const pid = Number(readFileSync(pidFile, "utf8"));
    const lives = runs(pid);
    process.kill(pid, "SIGKILL");

    expect(result).toEqual({ code: 3, stdout: "started\n", stderr: "" });
    expect(lives).toBe(true);
    expect(took).toBeLessThan(5_000);
  });

  it("kills a late program and its children", async () => {
    const pidFile = join(dir, "pid");
    const error = await refusal(sh(hanging(pidFile), 1_000));

    expect(error.code).toBe("deadline");
    expect(error.message).toMatch(/^sh -c .*: not done within 1000 ms\.$/);
    expect(await dies(pidFile)).toBe(true);
  });

  it("kills it and its children when it is aborted", async () => {
    const pidFile = join(dir, "pid");
    const abort = new AbortController();
    const refused = refusal(sh(hanging(pidFile), 20_000, abort.signal));
    await written(pidFile);
    abort.abort();

    expect((await refused).code).toBe("not-done");
    expect(await dies(pidFile)).toBe(true);
  });

  it("starts nothing once it is aborted", async () => {
    const error = await refusal(sh(`echo x >${join(dir, "ran")}`, 1_000, AbortSignal.abort()));

    expect(error.code).toBe("not-done");
    expect(() => readFileSync(join(dir, "ran"))).toThrow();
  });

  it("lets an abort after the end do nothing", async () => {
    const abort = new AbortController();
    const result = await sh("echo done", 1_000, abort.signal);
    abort.abort();

    expect(result.stdout).toBe("done\n");
  });

  it("returns all of a long output, up to its limit", async () => {
    const { code, stdout } = await sh("head -c 1000000 /dev/zero | tr '\\0' x");
    expect(code).toBe(0);
    expect(stdout).toHaveLength(1_000_000);

    const longer = await sh("head -c 9000000 /dev/zero | tr '\\0' x; exit 4");
    expect(longer.code).toBe(4);
    expect(longer.stdout).toHaveLength(4 * 1024 * 1024);
  });

  it("leaves nothing behind after many runs", async () => {
    const abort = new AbortController();
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", warn);
    for (let run = 0; run < 15; run += 1) await sh("sleep 1 & exit 0", 5_000, abort.signal);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", warn);

    expect(warnings).toEqual([]);
  });
});
