import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NAMES = ["proxysql-key.pem", "proxysql-cert.pem", "proxysql-ca.pem"] as const;

/**
 * Creates ProxySQL's TLS files when there are none (src/proxy_tls.cpp:224-327). Returns false when only some of the
 * three exist, where ProxySQL exits 0. The key is a real one; the certificates only look like PEM, since node cannot
 * sign certificates and the stand-in offers no TLS.
 */
export function createOrCheckTls(datadir: string): boolean {
  const present = NAMES.filter((name) => existsSync(join(datadir, name)));
  if (present.length === NAMES.length) return true;
  if (present.length > 0) return false;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  for (const name of NAMES) {
    writeFileSync(join(datadir, name), name === "proxysql-key.pem" ? key : placeholderCertificate());
  }
  return true;
}

function placeholderCertificate(): string {
  const lines =
    randomBytes(720)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
