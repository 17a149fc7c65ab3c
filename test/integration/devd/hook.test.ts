import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../support/host/wait.js";

const hook = resolve("devd/proxysql-carp-notify");
const systemPath = "/sbin:/bin:/usr/sbin:/usr/bin";
/** `nc -w 2` in the hook's child lasts 2 s in the worst case; a hook that waited for it would show. */
const noticeablyBlocked = 1_500;

let root: string;
let closing: Array<() => void>;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "hook-"));
  closing = [];
  for (const directory of ["run", "state", "bin"]) {
    mkdirSync(join(root, directory));
  }
  program("logger", 'printf "%s\\n" "$*" >>"$HOOK_TEST_LOG"');
});

afterEach(() => {
  for (const close of closing) {
    close();
  }
  rmSync(root, { recursive: true, force: true });
});

function program(name: string, body: string): void {
  writeFileSync(join(root, "bin", name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(root, "bin", name), 0o755);
}

type Result = { status: number | null; ms: number };

/** Runs the hook as devd does: cwd /, only its environment, SIGPIPE ignored, all descriptors closed on request. */
async function runHook(
  args: string[],
  environment: Record<string, string> = {},
  prelude = 'trap "" PIPE; exec "$@"',
): Promise<Result> {
  const started = performance.now();
  const child = spawn("/bin/sh", ["-c", prelude, "devd", hook, ...args], {
    cwd: "/",
    stdio: "ignore",
    env: {
      HOME: "/",
      PATH: `${root}/bin:${systemPath}`,
      PROXYSQL_CARP_RUN_DIR: join(root, "run"),
      PROXYSQL_CARP_STATE_DIR: join(root, "state"),
      HOOK_TEST_LOG: join(root, "log"),
      ...environment,
    },
  });
  const status = await new Promise<number | null>((done) => child.on("exit", done));
  return { status, ms: performance.now() - started };
}

function spooled(): string[] {
  const directory = join(root, "state", "spool");
  if (!existsSync(directory)) {
    return [];
  }
  const names = readdirSync(directory).filter((name) => /^[0-9]+-[0-9]+\.event$/.test(name));
  return names.map((name) => readFileSync(join(directory, name), "utf8").trimEnd());
}

function logged(): string {
  return existsSync(join(root, "log")) ? readFileSync(join(root, "log"), "utf8") : "";
}

function line(role: string, subsystem: string): string {
  return `{"op":"event","type":"${role}","subsystem":"${subsystem}"}`;
}

/** An agent that gives `answer` to each line; undefined hangs up without one. */
async function agent(answer: (line: string) => string | undefined): Promise<string[]> {
  const seen: string[] = [];
  // Half-open as in Node's default would close our side first; the hook must not depend on either.
  const server: Server = createServer((client) => {
    client.on("error", () => client.destroy());
    client.once("data", (data) => {
      const text = data.toString().trimEnd();
      const reply = answer(text);
      if (reply === undefined) {
        client.destroy();
        return;
      }
      seen.push(text);
      client.end(reply);
    });
  });
  closing.push(() => server.close());
  await new Promise<void>((done) => server.listen(join(root, "run", "agent.sock"), done));
  return seen;
}

async function frozenAgent(): Promise<void> {
  const socket = join(root, "run", "agent.sock");
  const child: ChildProcess = spawn("nc", ["-lkU", socket], { stdio: "ignore" });
  closing.push(() => child.kill("SIGKILL"));
  await waitFor("nc listens", () => existsSync(socket));
  child.kill("SIGSTOP");
}

describe("the devd hook with an agent", () => {
  it("hands the event over and spools nothing", async () => {
    const seen = await agent(() => '{"ok":true}\n');
    const { status } = await runHook(["MASTER", "9@em0"]);
    expect(status).toBe(0);
    await waitFor("the agent has it", () => seen.length > 0);
    expect(seen).toEqual([line("MASTER", "9@em0")]);
    expect(spooled()).toEqual([]);
  });

  it.each([
    ["refuses", '{"ok":false,"error":"x"}\n'],
    ["answers nonsense", "hello\n"],
    ["answers nothing", ""],
    ["hangs up", undefined],
  ])("spools when the agent %s", async (_what, answer) => {
    await agent(() => answer);
    const { status } = await runHook(["BACKUP", "10@vlan0.10"]);
    expect(status).toBe(0);
    await waitFor("spooled", () => spooled().length > 0);
    expect(spooled()).toEqual([line("BACKUP", "10@vlan0.10")]);
  });

  it("does not wait for a frozen agent, and spools", async () => {
    await frozenAgent();
    const { status, ms } = await runHook(["INIT", "9@lagg0_vlan5"]);
    expect(status).toBe(0);
    expect(ms).toBeLessThan(noticeablyBlocked);
    await waitFor("spooled", () => spooled().length > 0);
    expect(spooled()).toEqual([line("INIT", "9@lagg0_vlan5")]);
  });

  it("loses no event while the agent comes, goes, answers and hangs up", async () => {
    let turn = 0;
    const seen = await agent(() => {
      turn += 1;
      return ['{"ok":true}\n', undefined, '{"ok":true}\n', "{"][turn % 4];
    });
    const events = Array.from({ length: 24 }, (_, at) => line("MASTER", `9@em${at}`));
    await Promise.all(events.map((_, at) => runHook(["MASTER", `9@em${at}`])));
    await waitFor("all accounted for", () => new Set([...seen, ...spooled()]).size === events.length);
    expect(new Set([...seen, ...spooled()])).toEqual(new Set(events));
    expect(spooled().length).toBeGreaterThan(0);
    expect(seen.length).toBeGreaterThan(0);
  });
});

describe("the devd hook without an agent", () => {
  it.each([
    ["no socket", () => {}],
    ["a socket nobody listens on", staleSocket],
    ["no run directory", () => rmSync(join(root, "run"), { recursive: true })],
    ["no nc", () => program("nc", "exit 127")],
  ])("spools durably: %s", async (_what, prepare) => {
    program("fsync", 'echo "fsync $*" >>"$HOOK_TEST_LOG"');
    prepare();
    const { status } = await runHook(["MASTER", "9@em0"]);
    expect(status).toBe(0);
    await waitFor("directory flushed", () => /fsync \S+\/spool$/m.test(logged()));
    expect(spooled()).toEqual([line("MASTER", "9@em0")]);
    expect(logged()).toMatch(/fsync \S+\/spool\/\.[0-9]+-[0-9]+\.tmp\n/);
    expect(readdirSync(join(root, "state", "spool")).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("works with nothing but a bare PATH: no nc, no fsync, no timeout", async () => {
    for (const name of ["date", "mkdir", "mv", "rm", "sync"]) {
      symlinkSync(
        execFileSync("/bin/sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim(),
        join(root, "bin", name),
      );
    }
    const { status } = await runHook(["MASTER", "9@em0"], { PATH: `${root}/bin` });
    expect(status).toBe(0);
    await waitFor("spooled", () => spooled().length > 0);
    expect(spooled()).toEqual([line("MASTER", "9@em0")]);
  });

  it("works with every descriptor closed", async () => {
    const { status } = await runHook(["MASTER", "9@em0"], {}, 'trap "" PIPE; exec "$@" <&- >&- 2>&-');
    expect(status).toBe(0);
    await waitFor("spooled", () => spooled().length > 0);
    expect(spooled()).toEqual([line("MASTER", "9@em0")]);
  });

  it.each([
    ["does not exist", () => join(root, "absent")],
    ["takes no file", () => "/proc"],
    [
      "is a file",
      () => {
        writeFileSync(join(root, "file"), "");
        return join(root, "file");
      },
    ],
  ])("says so when the state directory %s", async (_what, directory) => {
    const state = directory();
    const { status } = await runHook(["MASTER", "9@em0"], { PROXYSQL_CARP_STATE_DIR: state });
    expect(status).toBe(0);
    await waitFor("logged", () => logged().includes("event MASTER 9@em0 lost"));
    expect(existsSync(join(root, "absent"))).toBe(false);
  });

  it("keeps the event when the disk is full", async () => {
    program("sync", "exit 1");
    program("fsync", "exit 1");
    await runHook(["MASTER", "9@em0"]);
    await waitFor("logged", () => logged().includes("lost"));
    expect(readdirSync(join(root, "state", "spool"))).toEqual([]);
  });

  it("is not ended by a signal between question and spool", async () => {
    program("nc", `echo $PPID >"${root}/child"; sleep 1; exit 1`);
    await runHook(["MASTER", "9@em0"]);
    await waitFor(
      "nc runs",
      () => existsSync(join(root, "child")) && readFileSync(join(root, "child"), "utf8") !== "",
    );
    // timeout(1) is nc's parent, the hook's child is that one's.
    const timeoutPid = readFileSync(join(root, "child"), "utf8").trim();
    const stat = readFileSync(`/proc/${timeoutPid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    process.kill(Number(stat[1]), "SIGTERM");
    await waitFor("spooled", () => spooled().length > 0);
  });
});

/** A listener that is killed leaves its socket behind. */
function staleSocket(): void {
  const path = JSON.stringify(join(root, "run", "agent.sock"));
  const script = `require("net").createServer().listen(${path}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script], { stdio: "ignore" });
}

describe("the devd hook's arguments", () => {
  it.each([
    [["MASTER"]],
    [[]],
    [["MASTER", "9@em0", "more"]],
    [["master", "9@em0"]],
    [["UP", "9@em0"]],
    [["MASTER", "em0"]],
    [["MASTER", "@em0"]],
    [["MASTER", "9@"]],
    [["MASTER", "1234@em0"]],
    [["MASTER", "x9@em0"]],
    [["MASTER", "9@em0;reboot"]],
    [["MASTER", "9@em0@em1"]],
    [["MASTER", '9@em0"}']],
    [["MASTER", "9@em0\n"]],
    [["MASTER", "9@émø"]],
    [["MASTER", "9@em0 "]],
    [["MASTER", "$(touch /tmp/hook-injected)@em0"]],
    [["-n", "9@em0"]],
  ])("refuses %j with a message and exit 0", async (args) => {
    const seen = await agent(() => '{"ok":true}\n');
    const { status } = await runHook(args);
    expect(status).toBe(0);
    await waitFor("logged", () => logged().includes("event refused"));
    expect(logged().trimEnd().split("\n")).toHaveLength(1);
    expect([...seen, ...spooled()]).toEqual([]);
    expect(existsSync("/tmp/hook-injected")).toBe(false);
  });

  it.each(["0@em0", "255@vlan0.10", "10@lagg0_vlan5", "9@A1"])("takes %s", async (subsystem) => {
    const seen = await agent(() => '{"ok":true}\n');
    await runHook(["BACKUP", subsystem]);
    await waitFor("the agent has it", () => seen.length > 0);
    expect(seen).toEqual([line("BACKUP", subsystem)]);
  });
});
