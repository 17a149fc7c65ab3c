import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isWholeHostKey } from "./host-key.js";

function line(type: string, ...fields: (string | Buffer)[]): string {
  const blob = Buffer.concat(
    [type, ...fields].map((field) => {
      const bytes = Buffer.from(field as string);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return Buffer.concat([length, bytes]);
    }),
  );
  return `${type} ${blob.toString("base64")} root@b`;
}

function rsa(bits: number): [Buffer, Buffer] {
  const { n = "" } = generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ format: "jwk" });
  return [Buffer.from([1, 0, 1]), Buffer.from(n, "base64url")];
}

// Made by ssh-keygen.
const ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw";
const p256 =
  "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPOZDC51y5ZpdE+IymIQZoWA+hgUdY1n/ERd2swWiuDIszJbJs3Cr20w7Yi5YGdqdnHntHXtXtXB6cReQhmhfQY= b";

describe("isWholeHostKey", () => {
  it.each([
    ["ed25519", ed25519],
    ["ed25519 with a comment", `${ed25519} root@b`],
    ["P-256", p256],
    ["P-384", line("ecdsa-sha2-nistp384", "nistp384", Buffer.alloc(97, 4))],
    ["P-521", line("ecdsa-sha2-nistp521", "nistp521", Buffer.alloc(133, 4))],
    ["RSA", line("ssh-rsa", ...rsa(2048))],
  ])("takes %s", (_, text) => expect(isWholeHostKey(text)).toBe(true));

  it.each([
    ["nothing", "ssh-ed25519 AAAA"],
    ["a key cut short", ed25519.slice(0, -8)],
    ["a key with more behind it", `${ed25519}AAAA`],
    ["another type's bytes", ed25519.replace("ssh-ed25519", "ssh-rsa")],
    ["another curve", p256.replace("nistp256", "nistp384")],
    ["a curve that its point contradicts", line("ecdsa-sha2-nistp384", "nistp384", Buffer.alloc(65, 4))],
    ["a short ed25519 key", line("ssh-ed25519", Buffer.alloc(31, 7))],
    ["an RSA key without its modulus", line("ssh-rsa", Buffer.from([1, 0, 1]))],
    ["an RSA key of 512 bits", line("ssh-rsa", ...rsa(512))],
  ])("refuses %s", (_, text) => expect(isWholeHostKey(text)).toBe(false));
});
