import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { createConnection } from "mysql2/promise";
import { writeBootTime } from "./boot-time.js";
import type { DevdLogEntry } from "./devd.js";
import { adminPassword, type Identity, type Places, sharedAddress, vhid } from "./host-files.js";
import { killProcesses, type Network, type Port, processesOf, setPlugged } from "./network.js";
import { hostPath } from "./requirements.js";
import { waitFor } from "./wait.js";

/** One simulated FreeBSD host: everything in it runs in its network namespace. */
export type Host = {
  readonly name: string;
  readonly network: Network;
  readonly port: Port;
  readonly places: Places;
  readonly identity: Identity;
  /** CARP's advskew: the lowest wins. */
  readonly skew: number;
  readonly standby: "warm" | "cold";
  /** net.inet.carp.preempt after a boot. */
  readonly preempt: boolean;
  /** Processes by what they are; those that ended are taken out. */
  readonly processes: Map<string, ChildProcess>;
};

const repository = resolve(".");
const installedHook = "/usr/local/libexec/proxysql-carp-notify";
const support = "build/test/support/host";
/**
 * Mounts what the host's unprivileged users need, and its own /var/run, in a mount namespace that ends with the process.
 */
const enter =
  'mount --bind "$1" "$2"; mount --bind "$3" "$4"; mount --bind "$5" /run; [ ! -d /usr/local/etc ] || mount --bind "$6" /usr/local/etc; shift 6; exec "$@"';

/** Boots the host: link, devd, sshd, CARP, ProxySQL if the standby is warm, and the agent unless told otherwise. */
export async function startHost(host: Host, options: { agent?: boolean } = {}): Promise<void> {
  const { places } = host;
  // What a boot empties: /var/run, and everything the kernel kept.
  rmSync(places.varRun, { recursive: true, force: true });
  mkdirSync(places.runDir, { recursive: true, mode: 0o755 });
  mkdirSync(join(places.varRun, "sshd"), { mode: 0o755 });
  for (const gone of ["sysctl", "devctl", "proxysql.pid", `carp/${vhid}/role`, `carp/${vhid}/wanted`]) {
    rmSync(join(places.hostState, gone), { recursive: true, force: true });
  }
  writeBootTime(places.hostState);
  writeFileSync(join(places.hostState, "sysctl", "net.inet.carp.preempt"), host.preempt ? "1\n" : "0\n");
  writeFileSync(join(places.hostState, "carp", vhid, "advskew"), `${host.skew}\n`);
  writeFileSync(join(places.hostState, "proxysql.delay"), "2\n");
  setPlugged(host.network, host.port, true);
  await startDevd(host);
  run(host, "sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", join(places.etc, "sshd_config")]);
  run(host, "admin bridge", [
    places.node,
    `${places.app}/${support}/tcp-bridge.js`,
    places.adminBridge,
    "127.0.0.1",
    "6032",
  ]);
  if (host.standby === "warm") {
    runOnce(host, ["service", "proxysql", "onestart"]);
  }
  run(host, "carp", [places.node, `${places.app}/${support}/carp.js`]);
  if (options.agent ?? true) {
    startAgent(host);
  }
}

async function startDevd(host: Host): Promise<void> {
  const { places } = host;
  const hook = `PROXYSQL_CARP_RUN_DIR=${places.runDir} PROXYSQL_CARP_STATE_DIR=${places.stateDir} ${places.app}/devd/proxysql-carp-notify`;
  run(host, "devd", [
    places.node,
    `${places.app}/${support}/devd.js`,
    "--conf",
    join(places.localEtc, "devd", "proxysql-carp.conf"),
    "--map",
    `${installedHook}=${hook}`,
    "--events",
    join(places.hostState, "devctl"),
    "--pipe",
    "/var/run/devd.pipe",
    "--log",
    join(places.logs, "devd.jsonl"),
    "--drop-if",
    join(places.hostState, "devd.drop"),
  ]);
  // Events before this would go nowhere; the kernel keeps them.
  await waitFor(`devd of ${host.name} is ready`, () => readLog(host, "devd").includes("ready\n"));
}

/** Power off: SIGKILL to every process at once, link down. Its files stay as they are. */
export function killHost(host: Host): void {
  setPlugged(host.network, host.port, false);
  killProcesses(host.port.namespace);
  host.processes.clear();
}

/** Pulls or plugs the network cable. */
export function linkDown(host: Host): void {
  setPlugged(host.network, host.port, false);
}

export function linkUp(host: Host): void {
  setPlugged(host.network, host.port, true);
}

/** While dropped, devd gets no event (and neither do the clients of its socket). */
export function dropDevdEvents(host: Host, drop: boolean): void {
  const file = join(host.places.hostState, "devd.drop");
  if (drop) {
    writeFileSync(file, "");
  } else {
    rmSync(file, { force: true });
  }
}

/** Starts the agent, as root, as its rc script would. */
export function startAgent(host: Host): void {
  const { node, app, config } = host.places;
  run(host, "agent", [node, `${app}/dist/cli.js`, "--config", config, "agent"]);
}

/** SIGTERM and wait, or SIGKILL. Returns the exit code, or the name of the signal that ended it. */
export async function stopAgent(
  host: Host,
  signal: "SIGTERM" | "SIGKILL" = "SIGTERM",
): Promise<number | string | null> {
  const agent = host.processes.get("agent");
  if (agent === undefined) {
    throw new Error(`no agent runs on ${host.name}`);
  }
  agent.kill(signal);
  await waitFor(`agent of ${host.name} ends`, () => !host.processes.has("agent"));
  return agent.exitCode ?? agent.signalCode;
}

/** The agent stands still, as on a machine that swaps, or goes on. */
export function freezeAgent(host: Host, frozen: boolean): void {
  host.processes.get("agent")?.kill(frozen ? "SIGSTOP" : "SIGCONT");
}

/** ProxySQL's supervisor and then ProxySQL itself, as far as they live. */
function proxysqlPids(host: Host): number[] {
  const pidfile = join(host.places.hostState, "proxysql.pid");
  const supervisor = existsSync(pidfile) ? Number(readFileSync(pidfile, "utf8")) : Number.NaN;
  if (Number.isNaN(supervisor) || !existsSync(`/proc/${supervisor}`)) {
    return [];
  }
  const children = readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, "utf8").trim();
  return [
    supervisor,
    ...children
      .split(" ")
      .filter((pid) => pid !== "")
      .map(Number),
  ];
}

/** Kills ProxySQL and what would start it again, without a word. What the service is asked for later still works. */
export function killProxysql(host: Host): void {
  // The supervisor first: it would start another one.
  for (const pid of proxysqlPids(host)) {
    process.kill(pid, "SIGKILL");
  }
}

/** Kills ProxySQL alone: its supervisor starts it again after a while (2 s). */
export function crashProxysql(host: Host): void {
  for (const pid of proxysqlPids(host).slice(1)) {
    process.kill(pid, "SIGKILL");
  }
}

/** ProxySQL stops in the middle of whatever it does, as in a machine that swaps, or goes on. */
export function freezeProxysql(host: Host, frozen: boolean): void {
  for (const pid of proxysqlPids(host).slice(1)) {
    process.kill(pid, frozen ? "SIGSTOP" : "SIGCONT");
  }
}

/** Every program of the host stops in the middle of what it does, or goes on. Its kernel still takes connections. */
export function freezeHost(host: Host, frozen: boolean): void {
  for (const pid of processesOf(host.port.namespace)) process.kill(pid, frozen ? "SIGSTOP" : "SIGCONT");
}

/**
 * Makes the host's `service`, `sysctl`, `ifconfig` or ProxySQL's admin fail in one way from now on, or work again:
 * `service.start.fail`, `sysctl.write.hang` and so on; see those programs. For the admin: which statements.
 */
export function setFailing(host: Host, failure: string, failing: boolean | string): void {
  const file = join(host.places.hostState, failure);
  if (failing !== false) {
    writeFileSync(file, failing === true ? "" : failing);
  } else {
    rmSync(file, { force: true });
  }
}

/** Starts a program in the host; its output goes to log/NAME.log. */
export function run(host: Host, name: string, command: readonly string[]): ChildProcess {
  const log = openSync(join(host.places.logs, `${name}.log`), "a");
  const [program = "ip", ...args] = entering(host, command);
  const child = spawn(program, args, { stdio: ["ignore", log, log], env: environment(host), cwd: "/" });
  closeSync(log);
  host.processes.set(name, child);
  child.on("exit", () => {
    if (host.processes.get(name) === child) {
      host.processes.delete(name);
    }
  });
  return child;
}

/** Runs a program in the host to its end, at most 60 s. */
export function runOnce(
  host: Host,
  command: readonly string[],
): { status: number | null; stdout: string; stderr: string } {
  const [program = "ip", ...args] = entering(host, command);
  return spawnSync(program, args, { encoding: "utf8", env: environment(host), cwd: "/", timeout: 60_000 });
}

/**
 * The document of `status --json`, asked from the agent's socket: that is a file, the same inside and outside of the
 * host, and starting node for each look would keep a small machine busy.
 */
export function statusJson(host: Host): Record<string, unknown> {
  const socket = join(host.places.runDir, "agent.sock");
  const options = { input: '{"op":"status"}\n', encoding: "utf8", env: { PATH: hostPath } } as const;
  const { stdout, stderr } = spawnSync("nc", ["-U", "-w", "5", socket], options);
  const answer = stdout === "" ? undefined : (JSON.parse(stdout) as Record<string, unknown>);
  if (answer?.ok !== true) {
    throw new Error(`the agent of ${host.name} does not say its status: ${stdout || stderr}`);
  }
  return answer.status as Record<string, unknown>;
}

/** The host's `proxysql-carp` with these arguments. */
export function cli(host: Host, args: readonly string[]): ReturnType<typeof runOnce> {
  const { node, app, config } = host.places;
  return runOnce(host, [node, `${app}/dist/cli.js`, "--config", config, ...args]);
}

/** One statement on the admin port of the host's ProxySQL. */
export async function adminQuery(host: Host, sql: string): Promise<Array<Record<string, string | null>>> {
  const connection = await createConnection({
    socketPath: host.places.adminBridge,
    user: "admin",
    password: adminPassword,
    connectTimeout: 5_000,
  });
  try {
    const [rows] = await connection.query({ sql, timeout: 10_000 });
    return Array.isArray(rows) ? (rows as Array<Record<string, string | null>>) : [];
  } finally {
    connection.destroy();
  }
}

/** The role as the host's ifconfig shows it. */
export function carpRole(host: Host): string {
  const file = join(host.places.hostState, "carp", vhid, "role");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : "INIT";
}

/** What the host's CARP says with, or would as MASTER: `--advskew=240 --preempt`. */
export function carpWords(host: Host): string {
  const file = join(host.places.hostState, "carp", vhid, "speaks");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : "";
}

/** The host's sysctl, by a name or `name=value`. Returns what it prints. */
export function sysctl(host: Host, ...args: string[]): string {
  return runOnce(host, ["sysctl", ...args]).stdout;
}

/** Whether the shared address is really on the host's interface. */
export function holdsAddress(host: Host): boolean {
  return runOnce(host, ["ip", "-o", "address", "show", "dev", "em0"]).stdout.includes(` ${sharedAddress}/`);
}

/** What devd did so far. */
export function devdLog(host: Host): DevdLogEntry[] {
  const file = join(host.places.logs, "devd.jsonl");
  const text = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as DevdLogEntry);
}

/** The verbs the agent gave `service`, in order. */
export function serviceCalls(host: Host): string[] {
  const file = join(host.places.hostState, "service.log");
  const text = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  return text === "" ? [] : text.split("\n").map((line) => line.split(" ")[1] ?? "");
}

/** What the host's sysctl was asked to write, in order: `net.inet.carp.demotion=241`. */
export function sysctlWrites(host: Host): string[] {
  const file = join(host.places.hostState, "sysctl.log");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** Everything a process of the host has written. */
export function readLog(host: Host, name: string): string {
  const file = join(host.places.logs, `${name}.log`);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** The ends of all logs, for the message of a failed test. */
export function logTails(host: Host, lines = 25): string {
  const names = readdirSync(host.places.logs);
  return names
    .map((name) => {
      const text = readFileSync(join(host.places.logs, name), "utf8").trimEnd().split("\n");
      return `--- ${host.name}: ${name}\n${text.slice(-lines).join("\n")}`;
    })
    .join("\n");
}

function entering(host: Host, command: readonly string[]): string[] {
  const mounts = [repository, host.places.app, process.execPath, host.places.node];
  mounts.push(host.places.varRun, host.places.localEtc);
  return ["ip", "netns", "exec", host.port.namespace, "/bin/sh", "-c", enter, "enter", ...mounts, ...command];
}

function environment(host: Host): NodeJS.ProcessEnv {
  return {
    HOME: "/",
    PATH: `${host.places.app}/test/support/host/bin:${hostPath}`,
    HOST_STATE: host.places.hostState,
    CARP_VHID: vhid,
    CARP_ADDRESS: sharedAddress,
    CARP_SOURCE: host.port.address,
    CARP_SKEW: String(host.skew),
  };
}
