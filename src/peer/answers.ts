import { open, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { lineageOfId } from "../snapshot/manifest.js";
import type { Store } from "../snapshot/store.js";
import { askAgent } from "./agent-socket.js";
import { readPiece, type TransferFile, transferNames } from "./files-of.js";
import type { PeerStatus } from "./peer-status.js";
import { chunkSize, type Header, isCount } from "./protocol.js";
import { Refused } from "./refused.js";

export interface AnswersOptions {
  readonly store: Store;
  readonly stateDir: string;
  readonly runDir: string;
  readonly node: string;
  readonly version: string;
  readonly agentMs: number;
}

/** Snapshots in an answer. An id is 23 characters and its node's name, and a body has at most `bodyLimit` bytes. */
const listLimit = 9_000;

/** What an operation answers besides `ok`. */
export interface Reply {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly body?: Uint8Array;
}

interface Opened {
  readonly id: string;
  readonly dir: string;
  readonly files: readonly TransferFile[];
}

/** The questions that change nothing here. */
export function createAnswers({ store, stateDir, runDir, node, version, agentMs }: AnswersOptions) {
  let opened: Opened | undefined;

  function ping(): Reply {
    return { fields: { now: wallClock() } };
  }

  async function latest(): Promise<Reply> {
    const found = await store.latest();
    return found === undefined
      ? { fields: { found: false } }
      : { fields: { found: true }, body: asJson(found.manifest) };
  }

  /** The newest `limit`, as many as fit into an answer without one; the lowest lineage first. */
  async function list(limit: unknown): Promise<Reply> {
    const most = isCount(limit) && limit > 0 ? Math.min(limit, listLimit) : listLimit;
    const snapshots = (await store.list()).slice(-most).map(({ id, box }) => ({ id, box }));
    return { body: asJson({ snapshots }) };
  }

  async function status(): Promise<Reply> {
    const [answered, found, disk] = await Promise.all([
      askAgent(runDir, { op: "peer-status" }, agentMs).catch(() => null),
      store.latest(),
      statfs(stateDir),
    ]);
    const answer: PeerStatus = {
      node,
      version,
      agent: answered === null ? "down" : "up",
      report: reportIn(answered),
      latest: found?.manifest.lineage ?? null,
      freeBytes: disk.bavail * disk.bsize,
      now: wallClock(),
    };
    return { body: asJson(answer) };
  }

  /** Names the files of a snapshot, which `read` then gives piece by piece. */
  async function fetch(id: unknown): Promise<Reply> {
    opened = undefined;
    // No name but a snapshot's own is ever looked up, so none can lead out of the store.
    if (typeof id !== "string" || lineageOfId(id) === undefined) {
      throw new Refused("missing", `${JSON.stringify(id)} is not the name of a snapshot.`);
    }
    const manifest = await store.manifest(id);
    const stored = (await store.list()).find((one) => one.id === id);
    if (stored === undefined) throw new Refused("missing", `There is no snapshot ${id} here any more.`);
    const files: TransferFile[] = [];
    for (const name of transferNames(manifest))
      files.push({ name, size: (await stat(join(stored.dir, name))).size });
    opened = { id, dir: stored.dir, files };
    return { fields: { files }, body: asJson(manifest) };
  }

  async function read({ snapshot, name, offset, length }: Header): Promise<Reply> {
    const file = opened?.id === snapshot ? opened?.files.find((one) => one.name === name) : undefined;
    if (
      opened === undefined ||
      file === undefined ||
      !isCount(offset) ||
      !isCount(length) ||
      length > chunkSize
    ) {
      throw new Refused("not-asked-so", `There is nothing to read of ${JSON.stringify(name)}.`);
    }
    const handle = await open(join(opened.dir, file.name), "r").catch(() => {
      throw new Refused("missing", `${file.name} of ${String(snapshot)} is not here any more.`);
    });
    try {
      return { body: await readPiece(handle, offset, length) };
    } finally {
      await handle.close();
    }
  }

  return { ping, latest, list, status, fetch, read };
}

/** What the agent says of itself, without the socket's own `ok`; null if it answered that it cannot. */
function reportIn(answer: Record<string, unknown> | null): Record<string, unknown> | null {
  if (answer === null) return null;
  const { ok, ...report } = answer;
  return ok === false ? null : report;
}

function asJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
