import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DevdLogEntry } from "../../support/host/devd.js";
import { waitFor } from "../../support/host/wait.js";

const program = resolve("build/test/support/host/devd.js");
const hook = resolve("devd/proxysql-carp-notify");
const installedHook = "/usr/local/libexec/proxysql-carp-notify";

let root: string;
let devd: ChildProcess | undefined;

beforeAll(() => {
  // The stand-in is started as built; without this a single file could be run against yesterday's.
  spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.support.json"]);
  expect(existsSync(program)).toBe(true);
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "devd-"));
  mkdirSync(join(root, "run"));
  mkdirSync(join(root, "state"));
});

afterEach(() => {
  devd?.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

async function start(options: string[]): Promise<void> {
  devd = spawn(process.execPath, [
    program,
    "--events",
    join(root, "devctl"),
    "--log",
    join(root, "log"),
    ...options,
  ]);
  let output = "";
  devd.stdout?.on("data", (data) => {
    output += String(data);
  });
  devd.stderr?.on("data", (data) => {
    output += String(data);
  });
  await waitFor("devd is ready", () => output.includes("ready\n"));
}

function startWithProjectRules(more: string[] = []): Promise<void> {
  const directories = `PROXYSQL_CARP_RUN_DIR=${root}/run PROXYSQL_CARP_STATE_DIR=${root}/state`;
  return start(["--conf", "devd/carp.conf", "--map", `${installedHook}=${directories} ${hook}`, ...more]);
}

function startWith(rules: string): Promise<void> {
  writeFileSync(join(root, "x.conf"), rules);
  return start(["--conf", join(root, "x.conf")]);
}

function send(event: string): void {
  appendFileSync(join(root, "devctl"), `${event}\n`);
}

function log(): DevdLogEntry[] {
  if (!existsSync(join(root, "log"))) {
    return [];
  }
  return readFileSync(join(root, "log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as DevdLogEntry);
}

function spooled(): string[] {
  const directory = join(root, "state", "spool");
  return readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8").trimEnd());
}

describe("the devd stand-in with the project's rules", () => {
  it("brings each role to the spool while no agent runs, blocked only briefly", async () => {
    await startWithProjectRules();
    for (const role of ["INIT", "BACKUP", "MASTER"]) {
      send(`!system=CARP subsystem=9@em0 type=${role}`);
    }
    await waitFor("three handled", () => log().length === 3);
    await waitFor("three spooled", () => spooled().filter((text) => text.includes("9@em0")).length === 3);
    expect(log().map((entry) => entry.actions?.map((action) => action.status))).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    const fastest = Math.min(...log().map((entry) => entry.ms ?? Number.POSITIVE_INFINITY));
    expect(fastest).toBeLessThan(500);
  });

  it("brings the event to the agent", async () => {
    const seen: string[] = [];
    const server = createServer((client) => {
      client.once("data", (data) => {
        seen.push(data.toString());
        client.end('{"ok":true}\n');
      });
    });
    await new Promise<void>((done) => server.listen(join(root, "run", "agent.sock"), done));
    await startWithProjectRules();
    send("!system=CARP subsystem=9@em0 type=MASTER");
    await waitFor("the agent has it", () => seen.length > 0);
    server.close();
    expect(seen).toEqual(['{"op":"event","type":"MASTER","subsystem":"9@em0"}\n']);
  });

  it("loses events while told to", async () => {
    await startWithProjectRules(["--drop-if", join(root, "drop")]);
    writeFileSync(join(root, "drop"), "");
    send("!system=CARP subsystem=9@em0 type=MASTER");
    await waitFor("handled", () => log().length === 1);
    expect(log()[0]).toMatchObject({ dropped: true });
    expect(log()[0]).not.toHaveProperty("actions");
  });

  it("shows every line to the clients of its stream socket", async () => {
    await startWithProjectRules(["--pipe", join(root, "devd.pipe")]);
    let seen = "";
    const client = connect(join(root, "devd.pipe"));
    client.on("data", (data) => {
      seen += String(data);
    });
    await new Promise<void>((done) => client.once("connect", done));
    const lines = readFileSync("test/fixtures/freebsd/devd-pipe.txt", "utf8");
    // Accepted on its own turn of the loop: events are sent until the first one is seen.
    await waitFor("connected", () => {
      send("?probe");
      return seen !== "";
    });
    appendFileSync(join(root, "devctl"), lines);
    await waitFor("all lines seen", () => seen.includes(lines));
    client.destroy();
  });
});

describe("the devd stand-in", () => {
  it("runs all actions of one block in order, whatever they return, in devd's environment", async () => {
    await startWith(`
      notify 1 { match "type" "X"; action "echo low >>${root}/out"; };
      notify 2 { match "type" "X";
        action "exit 3";
        action "env | sort | grep -v -e ^_= -e ^PWD= -e SHLVL >>${root}/out; pwd >>${root}/out";
        action "trap >>${root}/out; echo $type >>${root}/out";
      };`);
    send("!type=X");
    await waitFor("handled", () => log().length === 1);
    const output = readFileSync(join(root, "out"), "utf8");
    expect(output).toContain("HOME=/\n");
    expect(output).toContain("PATH=/sbin:/bin:/usr/sbin:/usr/bin\n/\n");
    expect(output.endsWith("X\n")).toBe(true);
    expect(output).not.toContain("low");
    expect(log()[0]?.actions?.map((action) => action.status)).toEqual([3, 0, 0]);
  });

  it("ignores SIGPIPE for its actions and gives them /dev/null", async () => {
    await startWith(
      `notify 1 { action "grep SigIgn /proc/self/status >${root}/out; readlink /proc/self/fd/0 >>${root}/out"; };`,
    );
    send("!type=X");
    await waitFor("handled", () => log().length === 1);
    const [ignored = "", input] = readFileSync(join(root, "out"), "utf8").trim().split("\n");
    const mask = BigInt(`0x${ignored.split(/\s+/)[1]}`);
    expect(mask & (1n << 12n)).not.toBe(0n);
    expect(input).toBe("/dev/null");
  });

  it("does nothing else while an action runs", async () => {
    await startWith(
      `notify 1 { match "type" "SLOW"; action "sleep 0.4"; }; notify 1 { action "date +%s%N >${root}/out"; };`,
    );
    send("!type=SLOW\n!type=NEXT");
    await waitFor("both handled", () => log().length === 2);
    expect(log().map((entry) => entry.event)).toEqual(["!type=SLOW", "!type=NEXT"]);
    expect(log()[0]?.ms).toBeGreaterThanOrEqual(400);
  });

  it("does not start on a syntax error", () => {
    writeFileSync(join(root, "bad.conf"), '# fine\nnotify 1 { action "x" };\n');
    const result = spawnSync(
      process.execPath,
      [program, "--conf", join(root, "bad.conf"), "--events", join(root, "f")],
      {
        encoding: "utf8",
      },
    );
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(`Cannot parse ${root}/bad.conf at line 2`);
  });
});
