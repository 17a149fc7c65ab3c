import { createHash } from "node:crypto";
import { KnownError } from "../platform/errors.js";

/** A public key as sshd publishes it: its type and the bytes that prove it. */
export interface PublicKey {
  readonly type: string;
  readonly blob: Buffer;
}

/** The fingerprint of a public key as OpenSSH prints it: `SHA256:` and base64 without padding. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/**
 * The type that a key's bytes name themselves (RFC 4253, section 6.6: a length of four bytes, then the name), or
 * undefined if these bytes are no key.
 */
export function keyTypeOf(blob: Buffer): string | undefined {
  if (blob.length < 4) return undefined;
  const length = blob.readUInt32BE(0);
  if (length === 0 || length > 64 || blob.length < 4 + length) return undefined;
  return blob.toString("latin1", 4, 4 + length);
}

/**
 * Reads one public key line (`ssh-ed25519 AAAA... comment`), as in /etc/ssh/ssh_host_ed25519_key.pub. Throws
 * `config-invalid` if it is none, or if type and bytes contradict each other.
 */
export function parsePublicKey(line: string): PublicKey {
  const [type = "", text = ""] = line.trim().split(/\s+/);
  const blob = Buffer.from(text, "base64");
  if (type === "" || keyTypeOf(blob) !== type) {
    throw new KnownError(
      "config-invalid",
      `Not a public key line: expected \`ssh-ed25519 AAAA...\` as in the peer's /etc/ssh/ssh_host_ed25519_key.pub, found \`${line.slice(0, 60)}\`.`,
    );
  }
  return { type, blob };
}

const others = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/**
 * Host key algorithms to offer for a pinned key: its own first, so that a server that has it uses it. The others
 * follow only so that a server without it shows a key that the refusal can name; no key but the pinned one passes.
 */
export function hostKeyAlgorithms(pinnedType: string): string[] {
  const own = pinnedType === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [pinnedType];
  return [...own, ...others.filter((name) => !own.includes(name))];
}
