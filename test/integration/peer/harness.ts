import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { connectPeer, type PeerAddress } from "../../../src/peer/connect.js";
import { createLink } from "../../../src/peer/link.js";
import type { LinkOptions, PeerLink } from "../../../src/peer/link-types.js";
import type { ServeOptions } from "../../../src/peer/serve.js";
import { openSession, type Session } from "../../../src/peer/session.js";
import { poll } from "../../../src/platform/clock.js";
import { createLogger } from "../../../src/platform/log.js";
import type { EpochOpening, Lineage } from "../../../src/role/lineage.js";
import type { Manifest } from "../../../src/snapshot/manifest.js";
import { openStore, type Store, type StoredSnapshot } from "../../../src/snapshot/store.js";
import { takeSnapshot } from "../../../src/snapshot/take.js";
import { type KeyPair, makeKeyPair } from "../../support/ssh-keys.js";
import { startSshServer } from "../../support/ssh-server.js";
import { sshdMissing, startSshd } from "../../support/sshd.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
export const serveMain = join(root, "build/test/support/serve-main.js");
const shop = join(root, "test/fixtures/proxysql/proxysql-2.7.1-shop.db");

/** Longest wait for anything that must happen, on a busy machine. */
export const soon = 30_000;

/** A directory that is gone when the test is over. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "peer-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** One of the two hosts: its state directory, store and keys. */
export interface Host {
  readonly node: string;
  readonly dir: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly store: Store;
  readonly hostKey: KeyPair;
  readonly clientKey: KeyPair;
}

export function makeHost(node: string): Host {
  const dir = scratch();
  const stateDir = join(dir, "state");
  const runDir = join(dir, "run");
  for (const path of [stateDir, runDir]) mkdirSync(path);
  return {
    node,
    dir,
    stateDir,
    runDir,
    store: openStore(stateDir),
    hostKey: makeKeyPair(join(dir, "host-key")),
    clientKey: makeKeyPair(join(dir, "client-key")),
  };
}

/** Something that listens for SSH in front of a host's serving side. */
export interface Front {
  readonly port: number;
  readonly user: string;
  /** The server's own process, if it is one. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export interface FrontKind {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly missing: string | undefined;
  start(host: Host, authorized: KeyPair, command: readonly string[], port?: number): Promise<Front>;
}

export const builtIn: FrontKind = {
  name: "an SSH server made with ssh2",
  missing: undefined,
  start: async (host, authorized, command, port = 0) => {
    const server = await startSshServer({
      host: "127.0.0.1",
      port,
      hostKeyFile: host.hostKey.file,
      authorizedKey: authorized.publicLine,
      command,
    });
    return { port: server.port, user: "anyone", pid: undefined, stop: server.stop };
  },
};

const openSsh: FrontKind = {
  name: "OpenSSH's sshd",
  missing: sshdMissing(),
  start: async (host, authorized, command, port = 0) => {
    const dir = mkdtempSync(join(host.dir, "sshd-"));
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const server = await startSshd({
      dir,
      hostKeyFile: host.hostKey.file,
      authorizedKey: authorized.publicLine,
      command: `exec ${quoted}`,
      port,
    });
    return { port: server.port, user: server.user, pid: server.process.pid, stop: server.stop };
  },
};

export const fronts: readonly FrontKind[] = [builtIn, openSsh];

/** The forced command that serves a host. */
export function serveCommand(host: Host, more: Partial<ServeOptions> = {}): string[] {
  if (!existsSync(serveMain))
    throw new Error(`${serveMain} is missing: run npx tsc -p tsconfig.support.json`);
  const { stateDir, runDir, node } = host;
  return [
    process.execPath,
    serveMain,
    JSON.stringify({ stateDir, runDir, node, version: "0.0-test", ...more }),
  ];
}

/** Starts the front and ends it with the test. */
export async function startFront(
  kind: FrontKind,
  host: Host,
  authorized: KeyPair,
  command = serveCommand(host),
  port = 0,
): Promise<Front> {
  const front = await kind.start(host, authorized, command, port);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= front.stop();
    return stopped;
  };
  onTestFinished(stop);
  return { ...front, stop };
}

export function addressOf(from: Host, to: Host, front: Pick<Front, "port" | "user">): PeerAddress {
  return {
    name: to.node,
    host: "127.0.0.1",
    port: front.port,
    user: front.user,
    keyFile: from.clientKey.file,
    hostKey: to.hostKey.publicLine,
  };
}

/** A session as the doctor has one, ended with the test. */
export async function sessionTo(from: Host, to: Host, front: Front): Promise<Session> {
  const connection = await connectPeer(addressOf(from, to, front), soon, new AbortController().signal);
  onTestFinished(() => connection.destroy());
  const introduction = { node: from.node, version: "0", peerName: to.node, purpose: "bulk" } as const;
  return openSession(await connection.exec(soon), introduction, soon);
}

/** A link that is started, and stopped with the test. */
export function startLink(from: Host, peer: PeerAddress, more: Partial<LinkOptions> = {}): PeerLink {
  const link = createLink({
    node: from.node,
    version: "0.0-test",
    peer,
    log: createLogger("error"),
    ...more,
  });
  onTestFinished(() => link.stop());
  link.start();
  return link;
}

/** A link that is up. */
export async function connect(
  from: Host,
  to: Host,
  front: Front,
  more: Partial<LinkOptions> = {},
): Promise<PeerLink> {
  const link = startLink(from, addressOf(from, to, front), more);
  if (!(await link.waitUp(soon))) throw new Error(`not up: ${link.view.lastError?.message}`);
  return link;
}

export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const value = await poll(async () => (await condition()) || undefined, soon, 20);
  if (value === undefined) throw new Error(`${what}: not within ${soon} ms`);
  return value;
}

export interface Shot {
  readonly stored: StoredSnapshot;
  readonly manifest: Manifest;
}

/** A real snapshot of a real ProxySQL's database in the host's outbox, changed by statements if given. */
export async function snapshotAt(
  host: Host,
  lineage: Partial<Lineage>,
  statements: readonly string[] = [],
  ancestry: EpochOpening[] = [],
): Promise<Shot> {
  const datadir = mkdtempSync(join(host.dir, "datadir-"));
  const source = new Database(shop, { readonly: true });
  await source.backup(join(datadir, "proxysql.db"));
  source.close();
  const db = new Database(join(datadir, "proxysql.db"));
  for (const statement of statements) db.exec(statement);
  db.close();
  const taken = await takeSnapshot({
    via: null,
    datadir,
    staging: join(host.dir, "staging"),
    store: host.store,
    lineage: { epoch: 1, sequence: 1, node: host.node, ...lineage },
    ancestry,
    proxysqlVersion: "2.7.1",
  });
  if (taken.unchanged) throw new Error("nothing taken");
  return taken;
}

/** All names in a host's inbox, hidden ones too, and in the directory where root puts them together. */
export function inboxNames(host: Host): string[] {
  const dirs = ["inbox", "work"].map((name) => join(host.stateDir, name));
  return dirs.flatMap((dir) => (existsSync(dir) ? readdirSync(dir) : [])).sort();
}

/** The serving processes of a host, the shells around them included. */
export function servingPids(host: Host): number[] {
  const rows = execFileSync("ps", ["-A", "-ww", "-o", "pid=,stat=,args="], { encoding: "utf8" }).split("\n");
  return rows.flatMap((row) => {
    const [, pid, stat, args] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(row) ?? [];
    return args?.includes(`"${host.stateDir}"`) && !stat?.startsWith("Z") ? [Number(pid)] : [];
  });
}

/** Stops processes as a hung host would look, and lets them go on when the test is over. */
export function freeze(pids: readonly number[]): () => void {
  let frozen = true;
  const thaw = (): void => {
    if (frozen) for (const pid of pids) signal(pid, "SIGCONT");
    frozen = false;
  };
  for (const pid of pids) signal(pid, "SIGSTOP");
  onTestFinished(thaw);
  return thaw;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}
