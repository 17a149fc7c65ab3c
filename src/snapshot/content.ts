import { sha256Of } from "./hashing.js";
import type { Inspection } from "./inspection.js";
import type { Manifest } from "./manifest.js";

/** A TLS file as a manifest describes it. */
export type TlsFile = Manifest["tls"][number];

/** The files ProxySQL keeps its TLS triple in: all three or none (src/proxy_tls.cpp), or it ends at its start. */
export const tlsNames = ["proxysql-ca.pem", "proxysql-cert.pem", "proxysql-key.pem"] as const;

/** The digest of all that a snapshot holds, rows and TLS files: two snapshots with the same need not both be shipped. */
export function contentDigest(inspection: Pick<Inspection, "content">, tls: readonly TlsFile[]): string {
  const files = [...tls].sort((a, b) => (a.name < b.name ? -1 : 1));
  return sha256Of([inspection.content, ...files.map(({ name, sha256 }) => `${name} ${sha256}`)].join("\n"));
}
