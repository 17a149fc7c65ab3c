import { copyFileSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { gzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { createFrameParser, encodeFrame, type Header, protocolVersion } from "../../../src/peer/protocol.js";
import { serve } from "../../../src/peer/serve.js";
import { type Definitions, writeDefinitions } from "../../../src/snapshot/definitions.js";
import { sha256Of } from "../../../src/snapshot/hashing.js";
import type { Manifest } from "../../../src/snapshot/manifest.js";
import { refusalOf } from "../../../src/snapshot/refusal.js";
import { sealed } from "../../../src/snapshot/seal.js";
import { openStore, type Store } from "../../../src/snapshot/store.js";
import { takeSnapshot } from "../../../src/snapshot/take.js";
import { fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import { verifyUnpacked } from "../../../src/snapshot/verify.js";

/** What a gate says: the cause of its refusal, or one of the two ways of not refusing. */
export type Verdict = string;
export const passed = "passed";
/** The sender's gate alone: nothing of the damage is in the rows, so nothing is shipped. */
export const nothingNew = "nothing new";

const tlsNames = ["proxysql-key.pem", "proxysql-cert.pem", "proxysql-ca.pem"];

/** A snapshot as the real program makes it, from a real database with content: what the corpus is made of. */
export interface Original {
  readonly datadir: string;
  readonly database: Buffer;
  readonly packed: Buffer;
  readonly manifest: Manifest;
  /** Its directory in a store. */
  readonly dir: string;
  readonly definitions: Definitions;
}

/** The shop's database with some hundred rows more, so that most pages hold something. */
export async function original(statements: readonly string[] = richer): Promise<Original> {
  const [state, datadir] = [scratch(), scratch()];
  const file = join(datadir, "proxysql.db");
  copyFileSync(fixture("2.7.1-shop"), file);
  const db = new Database(file);
  for (const statement of statements) db.exec(statement);
  // As taking does it: the bytes that the manifest describes.
  db.exec(`VACUUM INTO '${join(state, "copy.db")}'`);
  db.close();
  copyFileSync(join(state, "copy.db"), file);
  for (const name of tlsNames) writeFileSync(join(datadir, name), `-----BEGIN ${name}-----\n`);
  // Nobody has written since then.
  for (const name of ["proxysql.db", ...tlsNames])
    utimesSync(join(datadir, name), new Date(1_000_000), new Date(1_000_000));
  const definitions = definitionsIn(fixture("2.7.1-default"));
  const taken = await takeSnapshot({
    via: { vacuumInto: async (to) => copyFileSync(file, to) },
    datadir,
    staging: join(state, "staging"),
    store: openStore(state),
    lineage: { epoch: 3, sequence: 1, node: "a" },
    ancestry: [
      { epoch: 3, node: "a", base: { epoch: 2, sequence: 4, node: "b" }, baseContent: "0".repeat(64) },
    ],
    proxysqlVersion: "2.7.1",
    definitions,
  });
  if (taken.unchanged) throw new Error("nothing taken");
  return {
    datadir,
    database: readFileSync(file),
    packed: readFileSync(join(taken.stored.dir, "proxysql.db.gz")),
    manifest: taken.manifest,
    dir: taken.stored.dir,
    definitions,
  };
}

const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 300)";
const richer = [
  `${numbers} INSERT INTO mysql_servers(hostgroup_id,hostname,comment) SELECT i%7, 'db'||i||'.example', 'rack '||i FROM n`,
  `${numbers} INSERT INTO mysql_users(username,password,default_hostgroup) SELECT 'user'||i, 'secret'||i, i%7 FROM n`,
  `${numbers} INSERT INTO mysql_query_rules(rule_id,match_pattern,destination_hostgroup) SELECT i+10, '^SELECT .* FROM t'||i||'$', i%7 FROM n`,
];

function definitionsIn(file: string): Definitions {
  const db = new Database(file, { readonly: true });
  const rows = db.prepare("SELECT name, sql FROM sqlite_master WHERE type='table'").all() as {
    name: string;
    sql: string;
  }[];
  db.close();
  const own = rows.filter(({ name }) => !name.startsWith("sqlite_"));
  return { version: "2.7.1", tables: Object.fromEntries(own.map(({ name, sql }) => [name, sha256Of(sql)])) };
}

/** Before shipping: what ProxySQL (or the disk) gives when a snapshot is taken is damaged. */
export function senderGate(good: Original): (bytes: Buffer, more?: { accept?: boolean }) => Promise<Verdict> {
  const state = scratch();
  const store = openStore(state);
  return async (bytes, { accept = false } = {}) => {
    const verdict = await takeSnapshot({
      via: { vacuumInto: async (to) => writeFileSync(to, bytes) },
      datadir: good.datadir,
      staging: join(state, "staging"),
      store,
      lineage: { epoch: 3, sequence: 2, node: "a" },
      ancestry: [],
      proxysqlVersion: "2.7.1",
      before: good.manifest,
      definitions: good.definitions,
      accept,
    }).then(({ unchanged }) => (unchanged ? nothingNew : passed), causeOf);
    if (verdict !== passed && (await store.list()).length > 0) return "refused, and still there";
    return verdict;
  };
}

/** What is offered to a receiver: a manifest of any form, and the files' bytes. */
export interface Offer {
  readonly manifest: unknown;
  readonly packed: Buffer;
  readonly tls?: readonly Buffer[];
}

export interface Receiving {
  readonly store: Store;
  readonly stateDir: string;
  offer(offer: Offer): Promise<Verdict>;
}

/** Before acknowledging: the serving side of the link itself, spoken to as a peer speaks to it. */
export async function receiverGate(good: Original): Promise<Receiving> {
  const stateDir = scratch();
  mkdirSync(join(stateDir, "inbox"));
  await writeDefinitions(stateDir, good.definitions);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const waiting = new Map<number, (header: Header) => void>();
  const parser = createFrameParser();
  output.on("data", (bytes: Buffer) => {
    for (const { header } of parser.push(bytes)) waiting.get(header.id)?.(header);
  });
  const done = serve({ stateDir, runDir: stateDir, node: "b", input, output, reserveBytes: 0 });
  onTestFinished(async () => {
    input.end();
    await done;
  });
  let id = 0;
  function ask(op: string, fields: object = {}, body?: Uint8Array): Promise<Header> {
    id += 1;
    const mine = id;
    const answer = new Promise<Header>((resolve) => waiting.set(mine, resolve));
    input.write(encodeFrame({ ...fields, id: mine, op }, body));
    return answer.finally(() => waiting.delete(mine));
  }
  await ask("hello", { protocol: protocolVersion, node: "a", version: "0", purpose: "bulk" });
  const store = openStore(stateDir);

  async function offer({ manifest, packed, tls = tlsBytes(good) }: Offer): Promise<Verdict> {
    const parts = [packed, ...tls];
    const names = ["proxysql.db.gz", ...good.manifest.tls.map(({ name }) => name)];
    const files = parts.map((bytes, place) => ({ name: names[place], size: bytes.length }));
    const before = (await store.list()).length;
    let answer = await ask("offer", { files, accept: false }, Buffer.from(JSON.stringify(manifest)));
    for (const [place, bytes] of parts.entries()) {
      if (answer.ok !== true) break;
      if (bytes.length > 0) answer = await ask("chunk", { name: names[place], offset: 0 }, bytes);
    }
    if (answer.ok === true) answer = await ask("commit");
    if (answer.ok === true) return passed;
    return (await store.list()).length > before ? "refused, and still there" : String(answer.cause);
  }
  return { store, stateDir, offer };
}

export function tlsBytes({ dir, manifest }: Original): Buffer[] {
  return manifest.tls.map(({ name }) => readFileSync(join(dir, name)));
}

/** Before installing: what lies unpacked beside ProxySQL's directory is looked at once more. */
export function installGate(good: Original): (bytes: Buffer, manifest?: Manifest) => Promise<Verdict> {
  const dir = scratch();
  for (const { name } of good.manifest.tls) copyFileSync(join(good.dir, name), join(dir, name));
  return async (bytes, manifest = good.manifest) => {
    writeFileSync(join(dir, "proxysql.db"), bytes);
    const verified = await verifyUnpacked(dir, manifest, {
      definitions: good.definitions.tables,
      before: good.manifest,
    });
    return verified.ok ? passed : verified.refusal.cause;
  };
}

/** Out of the store: what a disk has made of a stored snapshot. Returns the cause with which it is refused. */
export function storeGate(good: Original): (name: string, bytes: Buffer | null) => Promise<Verdict> {
  const state = scratch();
  const store = openStore(state);
  const dir = join(state, "inbox", good.manifest.id);
  const to = join(state, "out");
  mkdirSync(dir, { recursive: true });
  const names = ["manifest.json", "proxysql.db.gz", ...good.manifest.tls.map((file) => file.name)];
  return async (name, bytes) => {
    for (const file of names) copyFileSync(join(good.dir, file), join(dir, file));
    if (bytes === null) rmSync(join(dir, name));
    else writeFileSync(join(dir, name), bytes);
    try {
      const manifest = await store.unpack(good.manifest.id, to);
      const verified = await verifyUnpacked(to, manifest, { definitions: good.definitions.tables });
      return verified.ok ? passed : verified.refusal.cause;
    } catch (error) {
      return causeOf(error);
    }
  };
}

/**
 * The manifest that a sender would have made had it been blind to the damage of its gzip: the gzip's own digest does
 * not stand in the way of the checks behind it.
 */
export function blindTo(good: Manifest, packed: Buffer): Manifest {
  return sealed({ ...good, packed: { size: packed.length, sha256: sha256Of(packed) } });
}

export function gzip(bytes: Buffer): Buffer {
  return gzipSync(bytes, { level: 1 });
}

export function causeOf(error: unknown): Verdict {
  return refusalOf(error)?.cause ?? `no refusal: ${error instanceof Error ? error.message : String(error)}`;
}
