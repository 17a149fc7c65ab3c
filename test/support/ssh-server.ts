import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import ssh2, { type AuthContext, type Connection, type PublicKeyAuthContext, type ServerChannel } from "ssh2";

/** What the stand-in for sshd is told: also the JSON argument of the program. */
export interface SshServerOptions {
  readonly host: string;
  /** 0: any free one; the one taken is told. */
  readonly port: number;
  readonly hostKeyFile: string;
  /** The one public key line that may log in, as any user. */
  readonly authorizedKey: string;
  /** Runs for every exec request, whatever command was asked for: program, then arguments. No shell. */
  readonly command: readonly string[];
  /** More environment for the command. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SshServer {
  readonly port: number;
  /** The commands that run now. */
  readonly children: ReadonlySet<ChildProcess>;
  /** Logins tried so far, refused ones too. */
  readonly logins: number;
  stop(): Promise<void>;
}

/**
 * An SSH server for hosts where sshd cannot be started: one key, one forced command, nothing else (no shell, no
 * terminal, no forwarding), as `command="...",restrict` in authorized_keys says.
 */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const allowed = parsePublic(options.authorizedKey);
  const connections = new Set<Connection>();
  const children = new Set<ChildProcess>();
  let logins = 0;

  const server = new ssh2.Server({ hostKeys: [readFileSync(options.hostKeyFile)] }, (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    connection.on("error", () => {});
    connection.on("authentication", (context) => {
      if (context.method === "publickey") logins += context.signature === undefined ? 0 : 1;
      if (isAllowed(context, allowed)) context.accept();
      else context.reject(["publickey"]);
    });
    connection.on("ready", () => {
      connection.on("session", (accept) => {
        accept().on("exec", (acceptExec) => runForced(acceptExec(), options, children));
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });

  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of connections) connection.end();
    const gone = [...children].map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const child of children) {
      child.kill("SIGKILL");
      // A grandchild may hold the other ends for long.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    }
    await Promise.all([closed, ...gone]);
  }

  return {
    port: (server.address() as AddressInfo).port,
    children,
    get logins() {
      return logins;
    },
    stop,
  };
}

interface PublicKey {
  verify(data: Buffer, signature: Buffer, algorithm?: string): boolean | Error;
  getPublicSSH(): Buffer;
}

function parsePublic(line: string): PublicKey {
  const parsed = ssh2.utils.parseKey(line);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error) throw new Error(`Not a public key line: ${line}`);
  return key;
}

function isAllowed(context: AuthContext, allowed: PublicKey): boolean {
  if (context.method !== "publickey") return false;
  const { key, signature, blob, hashAlgo } = context as PublicKeyAuthContext & { hashAlgo?: string };
  if (!key.data.equals(allowed.getPublicSSH())) return false;
  // Without a signature the client only asks whether this key would do.
  if (signature === undefined || blob === undefined) return true;
  return allowed.verify(blob, signature, hashAlgo) === true;
}

function runForced(channel: ServerChannel, options: SshServerOptions, children: Set<ChildProcess>): void {
  const [program = "", ...args] = options.command;
  const child = spawn(program, args, { stdio: "pipe", env: { ...process.env, ...options.env } });
  children.add(child);
  // Errors of a pipe or channel whose other end is gone are nothing to report.
  for (const stream of [channel, child.stdin, child.stdout, child.stderr]) stream.on("error", () => {});
  child.on("error", (error) => {
    channel.stderr.write(`${error.message}\n`);
    channel.exit(127);
    channel.end();
  });
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  // The other side is gone: the command reads the end of its input.
  channel.on("close", () => child.stdin.end());
  child.on("close", (code, signal) => {
    children.delete(child);
    if (code === null) channel.exit(signal ?? "KILL");
    else channel.exit(code);
    channel.end();
  });
}

async function main(argument: string): Promise<void> {
  const server = await startSshServer(JSON.parse(argument) as SshServerOptions);
  process.stdout.write(`${JSON.stringify({ listening: server.port, pid: process.pid })}\n`);
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.once(name, () => void server.stop().then(() => process.exit(0)));
  }
}

const invoked = process.argv[1];
if (invoked !== undefined && import.meta.url === pathToFileURL(invoked).href)
  await main(process.argv[2] ?? "{}");
