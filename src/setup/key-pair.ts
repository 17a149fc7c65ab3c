import ssh2, { type ParsedKey } from "ssh2";
import { KnownError } from "../platform/errors.js";

/** A key pair of this node: what goes into the private key's file, and the public key as one line. */
export interface KeyPair {
  readonly privateText: string;
  readonly publicLine: string;
}

/** Makes an ed25519 key pair without a passphrase, in OpenSSH's format. Nothing is written. */
export function makeKeyPair(comment: string): KeyPair {
  for (;;) {
    const { private: privateText } = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    // ssh2 now and then writes an ed25519 key that neither OpenSSH nor itself can read again.
    if (privateKeyOf(privateText) === undefined) continue;
    return { privateText, publicLine: publicLineOf(privateText, "the new key", comment) };
  }
}

/** The public key line that belongs to a private key's text. `not-done` if that is none, or has a passphrase. */
export function publicLineOf(privateText: string, file: string, comment: string): string {
  const key = privateKeyOf(privateText);
  if (key === undefined) {
    throw new KnownError(
      "not-done",
      `${file} is not a private key without a passphrase. Move it away, or put the right one there.`,
    );
  }
  return `${key.type} ${key.getPublicSSH().toString("base64")} ${comment}`;
}

function privateKeyOf(text: string): ParsedKey | undefined {
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(text);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  return key === undefined || key instanceof Error || !key.isPrivateKey() ? undefined : key;
}
