import { connect, type Socket } from "node:net";
import ssh2 from "ssh2";
import { hostKeyAlgorithms, keyTypeOf } from "../peer/keys.js";
import { withDeadline } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";

const handshakeDeadlineMs = 15_000;
const types = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
] as const;

/** Where the peer's sshd listens. */
export interface SshPlace {
  readonly host: string;
  readonly port: number;
}

/**
 * Asks a peer's sshd for its host keys, one after the other, ed25519 first, until `wanted` says yes to one; null if it
 * says yes to none. Only the handshake is made: no user's name is sent, and nothing is trusted. A key is a line such as
 * `ssh-ed25519 AAAA...`. Errors: `peer-unreachable`.
 */
export async function fetchHostKey(
  place: SshPlace,
  wanted: (line: string, blob: Buffer) => boolean,
): Promise<string | null> {
  const seen = new Set<string>();
  for (const type of types) {
    // The server's own order counts for nothing: it takes the first of ours that it has.
    const algorithms =
      seen.size === 0 ? hostKeyAlgorithms(type) : hostKeyAlgorithms(type).slice(0, ofType(type));
    const blob = await handshake(place, algorithms, seen.size === 0);
    const found = blob === null ? undefined : keyTypeOf(blob);
    if (blob === null || found === undefined || seen.has(found)) continue;
    seen.add(found);
    const line = `${found} ${blob.toString("base64")}`;
    if (wanted(line, blob)) return line;
  }
  return null;
}

/** How many algorithms of the list are for keys of this type: RSA keys sign in two ways. */
function ofType(type: string): number {
  return type === "ssh-rsa" ? 2 : 1;
}

/** The key that the server shows; null if it has none for these algorithms and that is no error (`must` is false). */
async function handshake(place: SshPlace, algorithms: string[], must: boolean): Promise<Buffer | null> {
  const where = `The peer's sshd at ${place.host}:${place.port}`;
  const socket = connect({ host: place.host, port: place.port });
  try {
    return await withDeadline(shownKey(socket, algorithms, must, where), handshakeDeadlineMs, where, () =>
      socket.destroy(),
    );
  } finally {
    socket.destroy();
  }
}

function shownKey(
  socket: Socket,
  algorithms: string[],
  must: boolean,
  where: string,
): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let connected = false;
    const refuse = (error?: Error & { level?: string }): void => {
      if (!must && error?.level === "handshake") {
        resolve(null);
        return;
      }
      const why = error === undefined ? "it closed the connection" : error.message;
      const what = connected ? "does not make an SSH handshake" : "cannot be reached";
      reject(new KnownError("peer-unreachable", `${where} ${what}: ${why}.`, {}, error));
    };
    socket.once("connect", () => {
      connected = true;
    });
    // Both report errors late, after the end too: these listeners stay.
    socket.on("error", refuse);
    client.on("error", refuse);
    client.on("close", () => refuse());
    client.connect({
      sock: socket,
      username: "nobody",
      authHandler: [],
      algorithms: { serverHostKey: algorithms as never },
      hostVerifier: (offered: Buffer) => {
        resolve(Buffer.from(offered));
        return false;
      },
      readyTimeout: 0,
    });
  });
}
