import { readFile } from "node:fs/promises";
import { KnownError, sentenceOf } from "../platform/errors.js";
import type { LockService } from "./service.js";

/** `[lock]` as it is configured, and the pair that it is for. */
export interface LockOptions {
  readonly kind?: "etcd" | "consul" | undefined;
  readonly endpoints: readonly string[];
  readonly key?: string | undefined;
  /** ms. */
  readonly ttl: number;
  readonly user?: string | undefined;
  readonly secret_file?: string | undefined;
  readonly ca_file?: string | undefined;
  /** The names of this node and of its peers. */
  readonly node: string;
  readonly peers: readonly string[];
}

/** For one call. A keepalive is two, and there must be time for another try before the lock is given up. */
const callShare = 6;
/** A server that has not answered by then will not: rather the next one. */
const mostCallMs = 2_000;

/**
 * The lock that the configuration names; undefined without one. What speaks with it is loaded only then, so that an
 * agent without a lock does without its memory.
 */
export async function openLock(options: LockOptions): Promise<LockService | undefined> {
  const { kind, endpoints, ttl, user, secret_file, ca_file, node, peers } = options;
  if (kind === undefined) return undefined;
  const key = options.key ?? defaultLockKey([node, ...peers]);
  const secret = secret_file === undefined ? undefined : () => readSecret(secret_file);
  const { HttpAsker } = await import("./http.js");
  const ca = async (): Promise<string | undefined> =>
    ca_file === undefined ? undefined : readOf(ca_file, "ca_file");
  const asker = new HttpAsker({ urls: endpoints, ca, deadlineMs: Math.min(mostCallMs, ttl / callShare) });
  if (kind === "consul") {
    const { ConsulLock } = await import("./consul.js");
    return new ConsulLock({ asker, key, ttlMs: ttl, node, token: secret });
  }
  const { EtcdLock } = await import("./etcd.js");
  const login = user === undefined || secret === undefined ? undefined : { user, password: secret };
  return new EtcdLock({ asker, key, ttlMs: ttl, login });
}

/** The same on every node, and another one for every pair that shares a cluster of etcd: `proxysql-carp/a+b`. */
export function defaultLockKey(names: readonly string[]): string {
  return `proxysql-carp/${[...names].sort().join("+")}`;
}

async function readSecret(file: string): Promise<string> {
  return (await readOf(file, "secret_file")).split("\n")[0]?.trim() ?? "";
}

/** Read anew each time: an operator may have mended it. */
async function readOf(file: string, key: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new KnownError("lock-refused", `[lock] ${key} cannot be read: ${sentenceOf(error)}.`, {}, error);
  }
}
