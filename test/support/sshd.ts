import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A real OpenSSH server on loopback with one key that may run one command. */
export interface Sshd {
  readonly port: number;
  readonly user: string;
  readonly process: ChildProcess;
  /** What it wrote, for a failed test's message. */
  log(): string;
  stop(): Promise<void>;
}

export interface SshdOptions {
  /** An empty directory for its files. */
  readonly dir: string;
  readonly hostKeyFile: string;
  /** Further ones, of other types. */
  readonly moreHostKeyFiles?: readonly string[];
  /** A public key line. */
  readonly authorizedKey: string;
  /** The forced command, as it stands in authorized_keys: a shell's command line. */
  readonly command: string;
  /** 0: any free one. */
  readonly port?: number;
}

const candidates = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"];
const startMs = 10_000;

/** Why there can be no real sshd here, or undefined if there can. */
export function sshdMissing(): string | undefined {
  if (candidates.some((path) => existsSync(path))) return undefined;
  return "there is no sshd here: install openssh-server (Debian: apt-get install openssh-server)";
}

/** Starts sshd and waits until it listens. Works as root and as an ordinary user, who can then log in as himself. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const program = candidates.find((path) => existsSync(path));
  if (program === undefined) throw new Error(sshdMissing());
  const port = options.port || (await freePort());
  // sshd started by root insists on this directory, which its own service script makes.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const child = spawn(program, ["-D", "-e", "-f", writeConfiguration(options, port)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (text: Buffer) => {
    log += text.toString();
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const end = Date.now() + startMs;
  while (!log.includes("Server listening")) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`sshd does not start: ${log}`);
    await sleep(20);
  }
  return {
    port,
    user: userInfo().username,
    process: child,
    log: () => log,
    stop: async () => {
      if (child.pid !== undefined) killTree(child.pid);
      await ended;
    },
  };
}

function writeConfiguration(options: SshdOptions, port: number): string {
  const { dir, hostKeyFile, moreHostKeyFiles = [], authorizedKey, command } = options;
  const keys = join(dir, "authorized_keys");
  writeFileSync(keys, `command="${command.replaceAll('"', '\\"')}",restrict ${authorizedKey}\n`, {
    mode: 0o600,
  });
  const file = join(dir, "sshd_config");
  const lines = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    ...[hostKeyFile, ...moreHostKeyFiles].map((file) => `HostKey ${file}`),
    `AuthorizedKeysFile ${keys}`,
    "AuthenticationMethods publickey",
    "PermitRootLogin forced-commands-only",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    // The keys lie in a test's temporary directory, whose parents anyone may write.
    "StrictModes no",
    "PidFile none",
    "LogLevel VERBOSE",
    "MaxStartups 100",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

/** sshd's sessions are processes of their own, and outlive it. Only descendants of `pid` are ended. */
function killTree(pid: number): void {
  for (const child of descendantsOf(pid)) signal(child, "SIGKILL");
  signal(pid, "SIGKILL");
}

/** The processes below `pid`: sshd's sessions, and the commands that they run. */
export function descendantsOf(pid: number): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found) {
    for (const [child = 0, of = 0] of pairs) if (of === parent) found.push(child);
  }
  return found.slice(1);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
