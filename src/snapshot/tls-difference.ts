import { type TlsFile, tlsNames } from "./content.js";

/** A TLS file that two sides do not have alike: by its digest, since one of them is a private key. */
export interface TlsDifference {
  readonly name: string;
  readonly change: "added" | "removed" | "changed";
  /** SHA-256; null on the side that has none. */
  readonly from: string | null;
  readonly to: string | null;
}

/** The TLS files that differ; null if nothing is known of those of one side. */
export function differingTls(
  a: readonly TlsFile[] | null,
  b: readonly TlsFile[] | null,
): TlsDifference[] | null {
  if (a === null || b === null) return null;
  return tlsNames.flatMap((name): TlsDifference[] => {
    const from = a.find((file) => file.name === name)?.sha256 ?? null;
    const to = b.find((file) => file.name === name)?.sha256 ?? null;
    if (from === to) return [];
    return [{ name, change: from === null ? "added" : to === null ? "removed" : "changed", from, to }];
  });
}
