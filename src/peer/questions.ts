import { monotonic } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import { lineageOfId } from "../snapshot/manifest.js";
import type { ListedSnapshot, PeerLink } from "./link-types.js";
import { readPeerStatus } from "./peer-status.js";
import { type Frame, isObject, parseObject } from "./protocol.js";
import { readPeersManifest } from "./transfer.js";

/** Asks over the link's session for questions; fails at once while the link is not up. */
type Ask = (op: string, fields: Readonly<Record<string, unknown>>, ms?: number) => Promise<Frame>;

/** The questions of a link that need one answer each. */
export function createQuestions(
  peer: string,
  asking: Ask,
): Pick<PeerLink, "latest" | "list" | "status" | "announce" | "switchover" | "ping"> {
  // What fails at once must come as a rejection too.
  const ask: Ask = async (op, fields, ms) => asking(op, fields, ms);

  return {
    latest: async (ms) => {
      const { header, body } = await ask("latest", {}, ms);
      return header.found === true ? readPeersManifest(parseObject(body), peer) : undefined;
    },
    list: async (ms, limit) => {
      const { body } = await ask("list", limit === undefined ? {} : { limit }, ms);
      return readList(parseObject(body)?.snapshots);
    },
    status: async (ms) => {
      const { body } = await ask("status", {}, ms);
      return readPeerStatus(parseObject(body), peer);
    },
    announce: async ({ role, leads }, ms) => {
      try {
        await ask("announce", { role, leads }, ms);
        return true;
      } catch (error) {
        if (isKnown(error, "peer-refused") && error.fields.cause === "not-asked-so") return false;
        throw error;
      }
    },
    switchover: async (question, ms) =>
      parseObject((await ask("switchover", { ask: question }, ms)).body) ?? {},
    ping: async (ms) => {
      const asked = monotonic();
      await ask("ping", {}, ms);
      return monotonic() - asked;
    },
  };
}

function readList(value: unknown): ListedSnapshot[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown) => {
    if (!isObject(entry) || typeof entry.id !== "string") return [];
    const { id, box } = entry;
    const lineage = lineageOfId(id);
    if (lineage === undefined || (box !== "inbox" && box !== "outbox")) return [];
    return [{ id, lineage, box }];
  });
}
