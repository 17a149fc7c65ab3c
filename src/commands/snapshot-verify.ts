import { resolve } from "node:path";
import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { monotonic } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { exists } from "../platform/files.js";
import { withScratch } from "../platform/scratch-directory.js";
import { type CheckList, checkUnpacked, refusedEarly, type Subject } from "../snapshot/check-list.js";
import { readDefinitions } from "../snapshot/definitions.js";
import { findStored, namesSnapshot } from "../snapshot/find-stored.js";
import type { Manifest } from "../snapshot/manifest.js";
import { type Opened, openPath } from "../snapshot/open-path.js";
import { refusalOf } from "../snapshot/refusal.js";
import { openStore } from "../snapshot/store.js";
import { askAgent } from "./ask-agent.js";
import { formatVerify, type VerifyDocument } from "./format-verify.js";

export interface VerifyCommandOptions {
  readonly accept?: boolean;
  readonly json?: boolean;
}

/** Taking, verifying and packing a large database; the agent answers when it has the snapshot on its disk. */
const takeDeadlineMs = 150_000;

/**
 * `snapshot verify WHAT`: a database, one in gzip, the directory of a snapshot, or the id of one in the store. A file or
 * directory needs neither agent nor configuration. Exit code 0: verified; 1: refused, and the cause is on standard
 * output. `--accept` says that an emptiness is meant; without WHAT it is the running agent that is told so, which then
 * takes the snapshot that it has held back.
 */
export async function verifySnapshot(
  configFile: string,
  what: string | undefined,
  options: VerifyCommandOptions,
): Promise<number> {
  if (what === undefined) return acceptHeldBack(configFile, options);
  const began = monotonic();
  const looked = await withScratch((dir) => look(configFile, what, dir, options.accept === true));
  const { refusal, checks, rows } = looked.list;
  const document: VerifyDocument = {
    schema: "proxysql-carp/verify/v1",
    what,
    kind: looked.kind,
    ok: refusal === null,
    refusal,
    snapshot: looked.manifest?.id ?? null,
    takenAt: looked.manifest?.takenAt ?? null,
    checks,
    rows,
    ms: Math.round(monotonic() - began),
  };
  process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : formatVerify(document));
  return refusal === null ? 0 : 1;
}

async function acceptHeldBack(configFile: string, { accept, json }: VerifyCommandOptions): Promise<number> {
  if (!accept)
    throw new KnownError(
      "usage",
      "Say what to verify: a file, a snapshot's directory or its id; or --accept alone, for the snapshot that was held back.",
    );
  const { id } = await askAgent(loadConfig(configFile), { op: "take-accepted" }, takeDeadlineMs);
  const document = { schema: "proxysql-carp/accepted/v1", snapshot: id };
  const text = id === null ? "Nothing has changed since the last snapshot." : String(id);
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${text}\n`);
  return 0;
}

interface Looked {
  readonly kind: VerifyDocument["kind"];
  readonly manifest: Manifest | null;
  readonly list: CheckList;
}

async function look(configFile: string, what: string, dir: string, accept: boolean): Promise<Looked> {
  const isPath = what.includes("/") || (await exists(resolve(what)));
  if (!isPath && namesSnapshot(what)) return lookIntoStore(loadConfig(configFile), what, dir, accept);
  let opened: Opened;
  try {
    opened = await openPath(resolve(what), dir);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return { kind: "unreadable", manifest: null, list: refusedEarly(refusal) };
  }
  const { kind, manifest, packed } = opened;
  const definitions = await definitionsFrom(configFile);
  const list = await checkUnpacked({ dir, manifest, packed, definitions, before: undefined, accept });
  return { kind, manifest, list };
}

async function lookIntoStore(config: Config, name: string, dir: string, accept: boolean): Promise<Looked> {
  const store = openStore(config.node.state_dir);
  const { id } = await findStored(store, name);
  try {
    const manifest = await store.unpack(id, dir);
    const before = await store.before(id);
    const definitions = await definitionsOf(config);
    return {
      kind: "stored",
      manifest,
      list: await checkUnpacked({ dir, manifest, packed: true, definitions, before, accept }),
    };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return { kind: "stored", manifest: null, list: refusedEarly(refusal) };
  }
}

/** A file is verified on hosts that have no agent too, and then there is nothing to compare definitions with. */
async function definitionsFrom(configFile: string): Promise<Subject["definitions"]> {
  try {
    return await definitionsOf(loadConfig(configFile));
  } catch (error) {
    if (!isKnown(error, "config-invalid")) return { missing: sentenceOf(error) };
    return { missing: `no configuration: ${sentenceOf(error).split("\n")[0]}` };
  }
}

async function definitionsOf({ node }: Config): Promise<Subject["definitions"]> {
  const found = await readDefinitions(node.state_dir);
  return (
    found ?? { missing: `the agent has not written down ProxySQL's definitions in ${node.state_dir} yet` }
  );
}
