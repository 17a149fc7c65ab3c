import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fingerprintOf, hostKeyAlgorithms, parsePublicKey } from "./keys.js";

const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github.com";

test("a fingerprint is the one that OpenSSH publishes", () => {
  expect(fingerprintOf(parsePublicKey(line).blob)).toBe("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
});

function keygenOnHost(): boolean {
  try {
    execFileSync("ssh-keygen", ["-?"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

test.skipIf(!keygenOnHost())("ssh-keygen prints the same fingerprint", () => {
  const directory = mkdtempSync(join(tmpdir(), "keys-"));
  try {
    writeFileSync(join(directory, "key.pub"), `${line}\n`);
    const printed = execFileSync("ssh-keygen", ["-lf", join(directory, "key.pub")], { encoding: "utf8" });

    expect(printed).toContain(fingerprintOf(parsePublicKey(line).blob));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  ["nothing", ""],
  ["a fingerprint", "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"],
  ["a type that the bytes contradict", line.replace("ssh-ed25519", "ssh-rsa")],
  ["a cut key", "ssh-ed25519 AAAA"],
])("%s is no public key line", (_, text) => {
  expect(() => parsePublicKey(text)).toThrow(/Not a public key line/);
});

test("the pinned key's type is asked for first, and never SHA-1", () => {
  expect(hostKeyAlgorithms("ecdsa-sha2-nistp256")[0]).toBe("ecdsa-sha2-nistp256");
  expect(hostKeyAlgorithms("ssh-rsa").slice(0, 2)).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
  expect(hostKeyAlgorithms("ssh-rsa")).not.toContain("ssh-rsa");
  expect(new Set(hostKeyAlgorithms("ssh-ed25519")).size).toBe(hostKeyAlgorithms("ssh-ed25519").length);
});
