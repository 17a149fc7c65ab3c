import { fingerprintOf } from "../peer/keys.js";
import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { fetchHostKey, type SshPlace } from "./host-key.js";
import { publicKeyGiven } from "./serving.js";

/** A peer's host key, and why it may be pinned; null: nobody has said yet that it is the right one. */
export interface HostKey {
  readonly line: string;
  readonly fingerprint: string;
  readonly trusted: "given" | "pinned" | "fingerprint" | "confirmed" | null;
}

/** What is known of the key before the peer is asked. */
export interface KnownKeys {
  /** --host-key: the line itself, or a file with it. */
  readonly hostKey: string | undefined;
  /** --host-key-fingerprint. */
  readonly fingerprint: string | undefined;
  /** An earlier configuration has this one for this peer. */
  readonly pinned: string | undefined;
}

/**
 * The peer's host key. It is fetched only if it is not known already, and then trusted only if its fingerprint is the
 * one that is given. Errors: `usage`, `peer-unreachable`, `peer-host-key` if the peer has no key of that fingerprint.
 */
export async function findHostKey(place: SshPlace, known: KnownKeys): Promise<HostKey> {
  const { fingerprint } = known;
  if (fingerprint !== undefined && !/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint)) {
    throw new KnownError(
      "usage",
      `--host-key-fingerprint: expected SHA256: and 43 letters as \`ssh-keygen -l\` prints it, found "${printable(fingerprint).slice(0, 60)}".`,
    );
  }
  const fits = (line: string): boolean =>
    fingerprint === undefined || fingerprintOfLine(line) === fingerprint;
  if (known.hostKey !== undefined) {
    const line = (await publicKeyGiven("--host-key", known.hostKey)).split(" ").slice(0, 2).join(" ");
    if (!fits(line)) throw other(fingerprint ?? "", "--host-key has", [fingerprintOfLine(line)]);
    return hostKey(line, "given");
  }
  if (known.pinned !== undefined && fits(known.pinned)) return hostKey(known.pinned, "pinned");
  const shown: string[] = [];
  const found = await fetchHostKey(place, (line) => {
    shown.push(fingerprintOfLine(line));
    return fits(line);
  });
  if (found === null) {
    throw other(fingerprint ?? "", `The peer's sshd at ${place.host}:${place.port} shows`, shown);
  }
  return hostKey(found, fingerprint === undefined ? null : "fingerprint");
}

function hostKey(line: string, trusted: HostKey["trusted"]): HostKey {
  return { line, fingerprint: fingerprintOfLine(line), trusted };
}

/** The fingerprint of a public key line, as OpenSSH prints it. */
export function fingerprintOfLine(line: string): string {
  return fingerprintOf(Buffer.from(line.split(" ")[1] ?? "", "base64"));
}

function other(expected: string, who: string, found: readonly string[]): KnownError {
  return new KnownError(
    "peer-host-key",
    `${who} ${found.join(", ")}, but ${expected} was expected. Nothing was trusted, and nothing written.`,
    { expected, found },
  );
}
