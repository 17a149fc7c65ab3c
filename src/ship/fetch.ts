import type { PeerLink } from "../peer/link.js";
import { remove } from "../platform/files.js";
import { readDefinitions } from "../snapshot/definitions.js";
import { unpackDirectory } from "../snapshot/pack.js";
import { refusalError } from "../snapshot/refusal.js";
import type { Store, StoredSnapshot } from "../snapshot/store.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import type { Staging } from "./staging.js";

/** Gets one snapshot from a peer into our inbox, verified like one that was sent to us. A bad one is quarantined. */
export async function fetchInto(
  deps: { readonly store: Store; readonly staging: Staging; readonly stateDir: string },
  link: PeerLink,
  id: string,
  deadlineMs: number,
): Promise<StoredSnapshot> {
  const { store, staging, stateDir } = deps;
  const incoming = await store.prepare("inbox");
  const scratch = await staging.make();
  try {
    const manifest = await link.get(id, incoming, deadlineMs);
    await unpackDirectory(incoming, scratch, manifest);
    const definitions = (await readDefinitions(stateDir))?.tables;
    const before = (await store.latest())?.manifest;
    const verified = await verifyUnpacked(scratch, manifest, { definitions, before });
    if (!verified.ok) {
      await store.quarantine(incoming, verified.refusal, id);
      throw refusalError(verified.refusal);
    }
    return await store.admit(incoming, manifest, "inbox");
  } finally {
    await remove(incoming);
    await staging.remove(scratch);
  }
}
