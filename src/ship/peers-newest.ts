import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import type { Config } from "../config/schema.js";
import { createLink } from "../peer/link.js";
import { KnownError, sentenceOf } from "../platform/errors.js";
import type { Manifest } from "../snapshot/manifest.js";
import { unpackDirectory } from "../snapshot/pack.js";
import { openStore } from "../snapshot/store.js";

const connectMs = 8_000;
const fetchMs = 60_000;

export interface PeersNewest {
  readonly config: Config;
  readonly version: string;
  /** As [[peer]] names it; may be left out if there is one. */
  readonly peer: string | undefined;
}

/**
 * Unpacks the newest snapshot of a peer into `dir`: fetched over a link of our own, beside that of the agent; if the
 * peer cannot be reached, the newest one that it has sent us. `note` tells which. Nothing is verified.
 */
export async function peersNewest(
  options: PeersNewest,
  dir: string,
): Promise<{ manifest: Manifest; note: string }> {
  const peer = peerIn(options);
  try {
    return { manifest: await fetched(options, peer, dir), note: `fetched from ${peer.name} now` };
  } catch (error) {
    const { state_dir } = options.config.node;
    const store = openStore(state_dir);
    const received = (await store.list()).filter(
      ({ box, lineage }) => box === "inbox" && lineage.node === peer.name,
    );
    const newest = received.at(-1);
    if (newest === undefined) throw error;
    const manifest = await store.unpack(newest.id, dir);
    return { manifest, note: `received from ${peer.name} earlier; ${sentenceOf(error)}` };
  }
}

type Peer = Config["peer"][number];

function peerIn({ config, peer: asked }: PeersNewest): Peer {
  const names = config.peer.map(({ name }) => name).join(", ");
  const peer = asked === undefined ? config.peer[0] : config.peer.find(({ name }) => name === asked);
  if (peer === undefined || (asked === undefined && config.peer.length > 1))
    throw new KnownError("usage", `Say which peer, as peer:NAME; there is ${names}.`);
  return peer;
}

async function fetched({ config, version }: PeersNewest, peer: Peer, dir: string): Promise<Manifest> {
  const { name, host, port, user, key_file, host_key } = peer;
  const link = createLink({
    node: config.node.name,
    version,
    peer: { name, host, port, user, keyFile: key_file, hostKey: host_key },
    // What goes wrong is told by the errors; standard output belongs to the difference.
    log: pino({ level: "silent" }),
  });
  link.start();
  try {
    if (!(await link.waitUp(connectMs)))
      throw link.view.lastError ?? new KnownError("peer-unreachable", `Peer "${name}" does not answer.`);
    const newest = await link.latest();
    if (newest === undefined) throw new KnownError("snapshot-missing", `Peer "${name}" has no snapshot.`);
    const packed = join(dir, "packed");
    await mkdir(packed, { mode: 0o700 });
    const manifest = await link.get(newest.id, packed, fetchMs);
    await unpackDirectory(packed, dir, manifest);
    return manifest;
  } finally {
    await link.stop();
  }
}
