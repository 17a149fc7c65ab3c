import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StatusDocument } from "../../../src/agent/status.js";
import { askSocket } from "../../../src/control/client.js";
import { connectAdmin } from "../admin-client.js";
import { writeBootTime } from "../host/boot-time.js";
import { freePort } from "../proxysql.js";
import { type KeyPair, makeKeyPair } from "../ssh-keys.js";

/** The repository's root: this file runs from build/test/support/pair/ and, under vitest, from test/support/pair/. */
export const root = findRoot();
const bin = join(root, "test", "support", "host", "bin");
export const vhid = "9@em0";

export interface NodeOptions {
  readonly name: string;
  /** A directory of the node's own; everything the node has is below it. */
  readonly dir: string;
  readonly standby: "warm" | "cold";
  /** More lines of configuration, by table, such as `{ carp: ['settle = "0ms"'] }`. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  /** The stand-in writes down what happens to it: see `serversTrace` and `statementsTrace`. */
  readonly traces?: boolean;
}

/** How a program ended, and all it printed. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Ports {
  readonly admin: number;
  readonly client: number;
  readonly ssh: number;
}

/**
 * One node of a pair on this machine's loopback, without root: its own agent, ProxySQL (the stand-in, or PROXYSQL_BIN),
 * SSH server, and stand-ins for ifconfig and service. The CARP role is what `setRole` says.
 */
export class PairNode {
  readonly name: string;
  readonly dir: string;
  readonly ports: Ports;
  readonly hostKey: KeyPair;
  readonly userKey: KeyPair;
  readonly #options: NodeOptions;
  #agent: ChildProcess | undefined;
  #ssh: ChildProcess | undefined;

  private constructor(options: NodeOptions, ports: Ports) {
    this.#options = options;
    this.name = options.name;
    this.dir = options.dir;
    this.ports = ports;
    for (const part of ["host/carp", "proxysql", "state", "run"]) {
      mkdirSync(join(this.dir, part), { recursive: true, mode: 0o700 });
    }
    this.hostKey = makeKeyPair(join(this.dir, "ssh_host_ed25519_key"));
    this.userKey = makeKeyPair(join(this.dir, "id_ed25519"));
  }

  static async create(options: NodeOptions): Promise<PairNode> {
    return new PairNode(options, {
      admin: await freePort(),
      client: await freePort(),
      ssh: await freePort(),
    });
  }

  get configFile(): string {
    return join(this.dir, "proxysql-carp.toml");
  }

  /** What `[proxysql] program` names. */
  get program(): string {
    return join(this.dir, "proxysql-program");
  }

  /** For `serverChanges`, if the node has traces. */
  get serversTrace(): string {
    return join(this.dir, "servers.jsonl");
  }

  /** For `adminStatements`, if the node has traces. */
  get statementsTrace(): string {
    return join(this.dir, "statements.jsonl");
  }

  get logFile(): string {
    return join(this.dir, "agent.log");
  }

  /** What a shell needs so that commands on this node find its stand-ins. */
  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      PATH: `${bin}:${process.env.PATH ?? ""}`,
      HOST_STATE: join(this.dir, "host"),
      PROXYSQL_CARP_CONFIG: this.configFile,
      PROXYSQL_CARP_RUN_DIR: join(this.dir, "run"),
      PROXYSQL_CARP_STATE_DIR: join(this.dir, "state"),
      ...(this.#options.traces === true
        ? {
            PROXYSQL_STANDIN_SERVERS: this.serversTrace,
            PROXYSQL_STANDIN_STATEMENTS: this.statementsTrace,
          }
        : {}),
    };
  }

  /** Writes everything the node reads; `peers` are its peers. */
  configure(peers: readonly PairNode[]): void {
    writeFileSync(join(this.dir, "admin.password"), "admin\n", { mode: 0o600 });
    writeFileSync(this.configFile, this.#configuration(peers));
    const cnf = join(this.dir, "proxysql.cnf");
    writeFileSync(
      cnf,
      [
        `datadir="${join(this.dir, "proxysql")}"`,
        `admin_variables=\n{ admin_credentials="admin:admin" mysql_ifaces="127.0.0.1:${this.ports.admin}" }`,
        `mysql_variables=\n{ threads=2 monitor_enabled=false interfaces="127.0.0.1:${this.ports.client}" }`,
        "",
      ].join("\n"),
    );
    const standin = [process.execPath, join(root, "build/test/support/proxysql-standin/main.js")];
    const program = process.env.PROXYSQL_BIN === undefined ? standin : [process.env.PROXYSQL_BIN];
    writeFileSync(this.program, `#!/bin/sh\nexec ${program.join(" ")} "$@"\n`, { mode: 0o755 });
    const command = [...program, "-f", "-c", cnf, "-D", join(this.dir, "proxysql"), "--no-version-check"];
    writeFileSync(join(this.dir, "host/proxysql.command"), `${command.join("\n")}\n`);
    this.writeRole("BACKUP");
    // As a pair should be: one node is preferred, and takes over from one that demotes itself.
    const skew = peers.some(({ name }) => name < this.name) ? 100 : 0;
    writeFileSync(join(this.dir, "host/carp", vhid, "advskew"), `${skew}\n`);
    mkdirSync(join(this.dir, "host/sysctl"), { recursive: true });
    writeFileSync(join(this.dir, "host/sysctl/net.inet.carp.preempt"), "1\n");
    writeBootTime(join(this.dir, "host"));
  }

  /** The role that this node's ifconfig tells, without an event. */
  writeRole(role: "MASTER" | "BACKUP" | "INIT"): void {
    mkdirSync(join(this.dir, "host/carp", vhid), { recursive: true });
    writeFileSync(join(this.dir, "host/carp", vhid, "role"), `${role}\n`);
  }

  /** The kernel's change of role, and devd's call of the project's hook. Resolves when the hook has returned. */
  async setRole(role: "MASTER" | "BACKUP" | "INIT"): Promise<void> {
    this.writeRole(role);
    await this.run(join(root, "devd/proxysql-carp-notify"), [role, vhid]);
  }

  /** Runs a program in this node's environment and waits for it. */
  run(program: string, args: readonly string[]): Promise<ProgramEnd> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
      let stdout = "";
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        stderr += chunk;
      });
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        stdout += chunk;
      });
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });
  }

  /** Runs the project's own command on this node. */
  cli(...args: string[]): Promise<ProgramEnd> {
    return this.run(process.execPath, [join(root, "dist/cli.js"), ...args]);
  }

  /** Starts the SSH server that lets `peer` in, with the forced command. */
  async startSsh(peer: PairNode): Promise<void> {
    const options = {
      host: "127.0.0.1",
      port: this.ports.ssh,
      hostKeyFile: this.hostKey.file,
      authorizedKey: peer.userKey.publicLine,
      command: [process.execPath, join(root, "dist/cli.js"), "--config", this.configFile, "serve"],
    };
    const program = join(root, "build/test/support/ssh-server.js");
    const child = spawn(process.execPath, [program, JSON.stringify(options)], {
      env: this.env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#ssh = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`The SSH server of ${this.name} ended with ${code}.`)));
    });
  }

  startAgent(): void {
    const log = createWriteStream(this.logFile, { flags: "a" });
    const child = spawn(process.execPath, [join(root, "dist/cli.js"), "agent"], {
      env: this.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#agent = child;
  }

  get agentPid(): number | undefined {
    return this.#agent?.pid;
  }

  /** Sends the running agent a signal that it lives on after. */
  signalAgent(signal: NodeJS.Signals): void {
    this.#agent?.kill(signal);
  }

  /** Ends the agent as rc.d does, and tells how it ended. */
  stopAgent(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    return end(this.#agent, signal);
  }

  /** At once: a server that ends politely waits for connections whose other end may be frozen. */
  stopSsh(): Promise<number | null> {
    return end(this.#ssh, "SIGKILL");
  }

  /** The power goes: agent, SSH server and ProxySQL at once, without a word. */
  async kill(): Promise<void> {
    const ends = [end(this.#agent, "SIGKILL"), end(this.#ssh, "SIGKILL")];
    await this.killProxysql();
    await Promise.all(ends);
  }

  /** Kills ProxySQL and what would start it again. */
  async killProxysql(): Promise<void> {
    const pidfile = join(this.dir, "host/proxysql.pid");
    if (!existsSync(pidfile)) return;
    const supervisor = Number(readFileSync(pidfile, "utf8"));
    const { stdout } = await this.run("pgrep", ["-P", String(supervisor)]);
    for (const pid of [supervisor, ...stdout.split("\n").filter(Boolean).map(Number)]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    // A kill is not the end yet, and one that is started beside it does without a port that it cannot have.
    for (const port of [this.ports.admin, this.ports.client]) await untilRefused(port);
  }

  startProxysql(): Promise<unknown> {
    return this.run("service", ["proxysql", "onestart"]);
  }

  /** Ends everything in order. */
  async stop(): Promise<void> {
    await this.stopAgent();
    await this.stopSsh();
    await this.run("service", ["proxysql", "onestop"]).catch(() => undefined);
  }

  async status(): Promise<StatusDocument> {
    const answer = await askSocket(join(this.dir, "run/agent.sock"), { op: "status" }, 2_000);
    if (!answer.ok) throw new Error(String(answer.error));
    return answer.status as StatusDocument;
  }

  /** Statements for ProxySQL's admin, one after the other in one session; the rows of the last. */
  async admin(...statements: string[]): Promise<(string | null)[][]> {
    const client = await connectAdmin({ port: this.ports.admin, timeout: 5_000 });
    try {
      let rows: (string | null)[][] = [];
      for (const sql of statements) rows = await client.rows(sql);
      return rows;
    } finally {
      client.close();
    }
  }

  #configuration(peers: readonly PairNode[]): string {
    const extra = (table: string): string[] => [...(this.#options.extra?.[table] ?? [])];
    const whole = (table: string): string[] =>
      extra(table).length > 0 ? ["", `[${table}]`, ...extra(table)] : [];
    return [
      "[node]",
      `name = "${this.name}"`,
      `state_dir = "${join(this.dir, "state")}"`,
      `run_dir = "${join(this.dir, "run")}"`,
      "",
      "[carp]",
      `vhids = ["${vhid}"]`,
      `standby = "${this.#options.standby}"`,
      ...extra("carp"),
      "",
      "[proxysql]",
      `datadir = "${join(this.dir, "proxysql")}"`,
      `admin_port = ${this.ports.admin}`,
      `admin_password_file = "${join(this.dir, "admin.password")}"`,
      `client_port = ${this.ports.client}`,
      `program = "${this.program}"`,
      ...extra("proxysql"),
      "",
      "[snapshots]",
      ...extra("snapshots"),
      ...whole("http"),
      ...whole("alerts"),
      ...["orchestrator", "fence", "stonith", "lock"].flatMap(whole),
      ...peers.flatMap((peer) => [
        "",
        "[[peer]]",
        `name = "${peer.name}"`,
        'host = "127.0.0.1"',
        `port = ${peer.ports.ssh}`,
        'user = "proxysql-carp"',
        `key_file = "${this.userKey.file}"`,
        `host_key = "${peer.hostKey.publicLine.trim()}"`,
      ]),
      "",
    ].join("\n");
  }
}

async function untilRefused(port: number): Promise<void> {
  const until = Date.now() + 5_000;
  while (await accepts(port)) {
    if (Date.now() > until) throw new Error(`somebody listens on port ${port} after ProxySQL was killed`);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<number | null> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(child?.exitCode ?? null);
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve(code));
    child.kill(signal);
  });
}

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
