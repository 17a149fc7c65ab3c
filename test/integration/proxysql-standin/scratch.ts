import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach } from "vitest";
import { type AdminClient, connectAdmin } from "../../support/admin-client.js";
import {
  freePort,
  type Proxysql,
  type ProxysqlOptions,
  setPorts,
  startProxysql,
} from "../../support/proxysql.js";

/** A directory for one ProxySQL, with what it starts and opens; all of it ends after the test. */
export interface Scratch {
  datadir: string;
  /** Path of proxysql.db. */
  database: string;
  start(options?: Partial<ProxysqlOptions>): Promise<Proxysql>;
  admin(proxysql: Proxysql): Promise<AdminClient>;
  /** Copies a recorded database into place and gives it free ports. */
  place(fixture: string): Promise<{ adminPort: number; clientPort: number }>;
  /** Opens proxysql.db from outside. */
  open(): Database.Database;
}

const cleanups: (() => unknown)[] = [];

afterEach(endScratches);

/** Ends what was made so far, before its test does: for one that makes many. */
export async function endScratches(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

/** Makes a scratch directory for the running test. */
export function makeScratch(): Scratch {
  const root = mkdtempSync(join(tmpdir(), "proxysql-standin-"));
  const datadir = join(root, "data");
  const database = join(datadir, "proxysql.db");
  mkdirSync(datadir);
  cleanups.push(() => rmSync(root, { recursive: true, force: true }));
  return {
    datadir,
    database,
    async start(options = {}) {
      const proxysql = await startProxysql({ datadir, ...options });
      cleanups.push(() => proxysql.kill());
      return proxysql;
    },
    async admin(proxysql) {
      const client = await connectAdmin({ port: proxysql.adminPort });
      cleanups.push(() => client.close());
      return client;
    },
    async place(fixture) {
      copyFileSync(fixturePath(fixture), database);
      const ports = { adminPort: await freePort(), clientPort: await freePort() };
      setPorts(database, ports);
      return ports;
    },
    open() {
      const connection = new Database(database, { timeout: 0 });
      cleanups.push(() => connection.close());
      return connection;
    },
  };
}

/** Path of a recorded file of ProxySQL. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/proxysql/${name}`, import.meta.url));
}

/** SQLite's file change counter: it grows by one with every commit that changes the file. */
export function changeCounter(database: string): number {
  return readFileSync(database).readUInt32BE(24);
}

/** Whether something accepts connections on a port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.once("connect", () => socket.destroy());
  });
}

/** Waits until the condition holds. Throws after the deadline, in milliseconds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadline = 15_000,
): Promise<void> {
  const end = Date.now() + deadline;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${deadline} ms in vain for: ${what}`);
    await sleep(10);
  }
}
