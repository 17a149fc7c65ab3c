import { withScratch } from "../platform/scratch-directory.js";
import { readDefinitions } from "../snapshot/definitions.js";
import type { Manifest } from "../snapshot/manifest.js";
import { type Refusal, refusalOf } from "../snapshot/refusal.js";
import type { Store } from "../snapshot/store.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import { failing, ok, type Verdict } from "./verdict.js";

/** The newest snapshot of this host, and what is wrong with it. */
export interface NewestSeen {
  readonly manifest: Manifest;
  readonly dir: string;
  readonly box: "inbox" | "outbox";
  readonly refusal: Refusal | null;
}

/** Verifies the newest snapshot of the store, aside; null if there is none. */
export async function lookAtNewest(store: Store, stateDir: string): Promise<NewestSeen | null> {
  const found = await store.latest();
  if (found === undefined) return null;
  const { manifest, stored } = found;
  return { manifest, dir: stored.dir, box: stored.box, refusal: await refusalFor(store, stateDir, manifest) };
}

function refusalFor(store: Store, stateDir: string, manifest: Manifest): Promise<Refusal | null> {
  return withScratch(async (dir) => {
    try {
      await store.unpack(manifest.id, dir);
      const definitions = (await readDefinitions(stateDir))?.tables;
      const before = await store.before(manifest.id);
      const verified = await verifyUnpacked(dir, manifest, { definitions, before });
      return verified.ok ? null : verified.refusal;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      return refusal;
    }
  });
}

export function judgeNewest(seen: NewestSeen | null): Verdict {
  if (seen === null) {
    return failing(
      "There is no snapshot on this host: after a failover ProxySQL would have nothing new to run.",
      "The MASTER takes the first one by itself once its agent runs; on the other node see to the peer's lines below.",
    );
  }
  const { manifest, box, refusal } = seen;
  if (refusal !== null) {
    return failing(
      `The newest snapshot ${manifest.id} does not verify: ${refusal.cause}: ${refusal.sentence}`,
      "Look after this disk (`zpool status`, `dmesg`). An agent that starts or takes the next snapshot replaces it: `service proxysql_carp restart`.",
    );
  }
  return ok(`${manifest.id} (${box}), verified`);
}
