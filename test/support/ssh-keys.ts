import { writeFileSync } from "node:fs";
import ssh2 from "ssh2";

/** A key pair: the private key in a file, the public key as one line. */
export interface KeyPair {
  readonly file: string;
  readonly publicLine: string;
}

/** Makes a key pair without ssh-keygen; the private key goes to `file`, mode 0600. */
export function makeKeyPair(file: string, type: "ed25519" | "ecdsa" | "rsa" = "ed25519"): KeyPair {
  for (;;) {
    const pair = generate(type);
    // ssh2 now and then writes an ed25519 key that OpenSSH and itself cannot read again.
    const parsed = ssh2.utils.parseKey(pair.private);
    if (parsed instanceof Error) continue;
    writeFileSync(file, pair.private, { mode: 0o600 });
    return { file, publicLine: pair.public };
  }
}

function generate(type: "ed25519" | "ecdsa" | "rsa"): { private: string; public: string } {
  if (type === "rsa") return ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 });
  if (type === "ecdsa") return ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 });
  return ssh2.utils.generateKeyPairSync("ed25519");
}
