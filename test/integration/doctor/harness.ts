import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { DoctorDocument, LineDocument } from "../../../src/doctor/document.js";
import { type PairNode, type ProgramEnd, root } from "../../support/pair/node.js";
import { createPair, type Pair, until } from "../../support/pair/pair.js";
import { type Sshd, sshdMissing, startSshd } from "../../support/sshd.js";
import { leads, servers } from "../agent/harness.js";
import { allIsWell } from "../guards/reason-harness.js";

export { until } from "../../support/pair/pair.js";

/** For a whole pair to come up or go, and for all reasons to clear, on a busy machine. */
export const patienceMs = 180_000;

/** A pair on which everything is as it should be: agents, ProxySQL, devd's files, and OpenSSH's sshd where there is one. */
export interface DoctorPair {
  readonly pair: Pair;
  readonly a: PairNode;
  readonly b: PairNode;
  /** Starts or ends the SSH server that `node` is asked through. */
  startSsh(node: PairNode, options?: { hostKeyFile?: string; command?: string; key?: string }): Promise<void>;
  stopSsh(node: PairNode): Promise<void>;
  end(): Promise<void>;
}

export async function startDoctorPair(standby: "warm" | "cold"): Promise<DoctorPair> {
  const pair = await createPair({ standby });
  const { a, b } = pair;
  const running = new Map<PairNode, Sshd>();
  const pipes = [a, b].map(furnish);
  let sshdDirs = 0;

  const startSsh: DoctorPair["startSsh"] = async (node, options = {}) => {
    const peer = node === a ? b : a;
    if (sshdMissing() !== undefined) return node.startSsh(peer);
    sshdDirs += 1;
    const dir = join(node.dir, `sshd-${sshdDirs}`);
    mkdirSync(dir);
    const command = [process.execPath, join(root, "dist/cli.js"), "--config", node.configFile, "serve"];
    const server = await startSshd({
      dir,
      hostKeyFile: options.hostKeyFile ?? node.hostKey.file,
      authorizedKey: options.key ?? peer.userKey.publicLine,
      command: options.command ?? `exec ${command.map((word) => `'${word}'`).join(" ")}`,
      port: node.ports.ssh,
    });
    running.set(node, server);
  };
  const stopSsh = async (node: PairNode): Promise<void> => {
    await running.get(node)?.stop();
    running.delete(node);
    await node.stopSsh();
  };

  await Promise.all([startSsh(a), startSsh(b), a.startProxysql(), b.startProxysql()]);
  await until("both ProxySQL answer", async () => (await servers(a)) === "" && (await servers(b)) === "");
  a.writeRole("MASTER");
  a.startAgent();
  b.startAgent();
  await until("a leads", () => leads(a));
  await until("b has the first snapshot", async () => (await b.status()).lastReceived !== null);
  await until("b stands by", async () => (await b.status()).proxysql.up === (standby === "warm"));
  await allIsWell(a, b);
  return {
    pair,
    a,
    b,
    startSsh,
    stopSsh,
    end: async () => {
      for (const pipe of await Promise.all(pipes)) pipe.close();
      await Promise.all([stopSsh(a), stopSsh(b)]);
      await pair.end();
    },
  };
}

/** Where this node's devd and rc have their files. */
export function hostRoot(node: PairNode): string {
  return join(node.dir, "root");
}

export function devdRule(node: PairNode): string {
  return join(hostRoot(node), "usr/local/etc/devd/proxysql-carp.conf");
}

/** Gives a node what FreeBSD and an installation would: devd's files and socket, sysrc, and who may log in. */
function furnish(node: PairNode): Promise<Server> {
  for (const path of ["etc/devd", "usr/local/etc/devd", "var/run", "bin"])
    mkdirSync(join(hostRoot(node), path), { recursive: true });
  writeFileSync(
    join(hostRoot(node), "etc/devd.conf"),
    'options {\n\tdirectory "/etc/devd";\n\tdirectory "/usr/local/etc/devd";\n\tpid-file "/var/run/devd.pid";\n};\n',
  );
  const hook = join(root, "devd/proxysql-carp-notify");
  const call = `PROXYSQL_CARP_RUN_DIR=${node.dir}/run PROXYSQL_CARP_STATE_DIR=${node.dir}/state ${hook}`;
  const rules = readFileSync(join(root, "devd/carp.conf"), "utf8");
  writeFileSync(devdRule(node), rules.replaceAll("/usr/local/libexec/proxysql-carp-notify", call));
  writeFileSync(join(hostRoot(node), "var/run/devd.pid"), `${process.pid}\n`);
  script(node, "sysrc", 'cat "$HOST_STATE/sysrc"');
  script(
    node,
    "service",
    `if [ "$1" = -e ]; then exec cat "$HOST_STATE/service-e"; fi\nexec ${root}/test/support/host/bin/service "$@"`,
  );
  writeFileSync(join(node.dir, "host/sysrc"), "YES\n");
  writeFileSync(join(node.dir, "host/service-e"), "/etc/rc.d/devd\n/usr/local/etc/rc.d/proxysql_carp\n");
  const text = readFileSync(node.configFile, "utf8");
  const { username } = userInfo();
  writeFileSync(node.configFile, text.replace('user = "proxysql-carp"', `user = "${username}"`));
  return openPipe(node);
}

/** devd's stream socket, as far as somebody asks whether it accepts. */
export function openPipe(node: PairNode): Promise<Server> {
  const path = join(hostRoot(node), "var/run/devd.pipe");
  rmSync(path, { force: true });
  const server = createServer((socket) => socket.on("error", () => socket.destroy()));
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

function script(node: PairNode, name: string, body: string): void {
  writeFileSync(join(hostRoot(node), "bin", name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

/** How the command is run. */
export interface RunOptions {
  /** A program and arguments in front of it, such as `unshare -m`. */
  readonly through?: readonly string[];
  /** Gets what it prints, while it runs. */
  readonly onText?: (text: string) => void;
}

/** Runs the real command on a node. */
export function doctor(
  node: PairNode,
  args: readonly string[] = [],
  { through = [], onText }: RunOptions = {},
): Promise<ProgramEnd> {
  const env = {
    ...node.env,
    PATH: `${join(hostRoot(node), "bin")}:${node.env.PATH ?? ""}`,
    PROXYSQL_CARP_DEVD_ROOT: hostRoot(node),
  };
  const [program = "", ...words] = [
    ...through,
    process.execPath,
    join(root, "dist/cli.js"),
    "doctor",
    ...args,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      onText?.(stdout);
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export interface Seen {
  readonly code: number | null;
  readonly document: DoctorDocument;
  /** Names of the checks by their state, peers left out. */
  readonly failing: readonly string[];
  readonly warnings: readonly string[];
  line(check: string): LineDocument;
}

/** What the doctor sees of a node. */
export async function examine(node: PairNode, options: RunOptions = {}): Promise<Seen> {
  const { code, stdout, stderr } = await doctor(node, ["--json"], options);
  if (stderr !== "") throw new Error(`doctor wrote to stderr: ${stderr}`);
  const document = JSON.parse(stdout) as DoctorDocument;
  for (const { check, state, todo } of document.checks) {
    const isUnwell = state === "failing" || state === "warning";
    if (isUnwell !== (todo !== null && todo !== ""))
      throw new Error(`${check} is ${state}, to do: "${todo}"`);
  }
  const named = (state: string): string[] =>
    document.checks.filter((line) => line.state === state).map(({ check }) => check);
  return {
    code,
    document,
    failing: named("failing"),
    warnings: named("warning"),
    line: (check) => {
      const line = document.checks.find((one) => one.check === check);
      if (line === undefined) throw new Error(`There is no line ${check}.`);
      return line;
    },
  };
}

/** What is left in the scratch area of a node that was probed. */
export function probesAt(node: PairNode): string[] {
  return readdirSync(join(node.dir, "state/probe"));
}
