import { KnownError } from "../platform/errors.js";
import type { Store, StoredSnapshot } from "./store.js";

/** Names listed where several snapshots fit. */
const mostNamed = 5;
const lineageForm = /^(\d{1,10})\.(\d{1,10})(?:@([A-Za-z0-9][A-Za-z0-9_-]{0,62}))?$/;
/** A beginning of an id; no other text can be one. */
const prefixForm = /^\d{1,10}(-(\d{1,10}(-[A-Za-z0-9_-]{0,63})?)?)?$/;

/** True if a text can name a snapshot as `findStored` reads it, whether there is one or not. */
export function namesSnapshot(text: string): boolean {
  return text === "latest" || lineageForm.test(text) || prefixForm.test(text);
}

/**
 * The one of `snapshots` (lowest lineage first) that a person means: `latest`, an id, the beginning of one that no other
 * has, or a lineage such as `5.9@a`, its node left out if there is one alone. None is `snapshot-missing`, several and
 * what can be no name are `usage`.
 */
export function findNamed<T extends Pick<StoredSnapshot, "id" | "lineage">>(
  snapshots: readonly T[],
  name: string,
): T {
  if (!namesSnapshot(name)) {
    throw new KnownError(
      "usage",
      `${JSON.stringify(name)} names no snapshot: say an id, its beginning, a lineage such as 5.9@a, or latest.`,
    );
  }
  const found = matching(snapshots, name);
  const [first] = found;
  if (first === undefined)
    throw new KnownError("snapshot-missing", `There is no snapshot ${name} here.`, { name });
  if (found.length === 1) return first;
  const named = found.slice(0, mostNamed).map(({ id }) => id);
  const more = found.length > mostNamed ? ` and ${found.length - mostNamed} more` : "";
  throw new KnownError("usage", `${name} may be ${named.join(", ")}${more}: say more of it.`);
}

/** The same among all snapshots of this host. */
export async function findStored(store: Store, name: string): Promise<StoredSnapshot> {
  return findNamed(await store.list(), name);
}

function matching<T extends Pick<StoredSnapshot, "id" | "lineage">>(
  snapshots: readonly T[],
  name: string,
): T[] {
  if (name === "latest") return snapshots.slice(-1);
  const lineage = lineageForm.exec(name);
  if (lineage) {
    const [, epoch, sequence, node] = lineage;
    const wanted = { epoch: Number(epoch), sequence: Number(sequence) };
    return snapshots.filter(
      (one) =>
        one.lineage.epoch === wanted.epoch &&
        one.lineage.sequence === wanted.sequence &&
        (node === undefined || one.lineage.node === node),
    );
  }
  const exact = snapshots.filter(({ id }) => id === name);
  return exact.length > 0 ? exact : snapshots.filter(({ id }) => id.startsWith(name));
}
