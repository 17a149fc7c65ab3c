import { timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect as connectSocket, type Socket } from "node:net";
import ssh2, {
  type Client,
  type ClientChannel,
  type ConnectConfig,
  type ParsedKey,
  type PublicKeyAuthMethod,
} from "ssh2";
import { withDeadline } from "../platform/clock.js";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { fingerprintOf, hostKeyAlgorithms, parsePublicKey } from "./keys.js";

/** Where a peer is and how both sides prove who they are. */
export interface PeerAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** This node's private key, in a file that only the agent can read. */
  readonly keyFile: string;
  /** The peer's pinned public host key, as one line. There is no default that trusts. */
  readonly hostKey: string;
}

/** A connection that is logged in: host key proven, our key accepted. */
export interface Connection {
  /** Starts the peer's forced command on a channel of its own; `ms` is the deadline. */
  exec(ms: number): Promise<ClientChannel>;
  /** Settles when the connection is gone, whoever ended it; with the error if there was one. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  /** Says goodbye, waits at most `ms`, then drops the connection. */
  close(ms: number): Promise<void>;
  /** Drops the connection at once, also when the other side is mute. */
  destroy(): void;
}

/** Asked for on every channel; a key bound to a forced command runs that one instead (sshd(8), `command=`). */
const requestedCommand = "proxysql-carp serve";

/** ssh2 keeps keepalive off unless told; the heartbeat above it is quicker, this is the second line. */
const keepalive = { keepaliveInterval: 5_000, keepaliveCountMax: 3 } as const;

/**
 * Connects and logs in within `ms`. Errors: `peer-unreachable`, `peer-host-key` (nothing was sent by then, not even
 * the user's name), `peer-login`, `config-invalid`. `signal` gives up at once.
 */
export async function connectPeer(peer: PeerAddress, ms: number, signal: AbortSignal): Promise<Connection> {
  const pinned = parsePublicKey(peer.hostKey);
  const key = await readKey(peer);
  const socket = connectSocket({
    host: peer.host,
    port: peer.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
  });
  // ssh2 and the socket report errors late, after close too. This listener stays for good.
  socket.on("error", ignore);
  const drop = (): void => void socket.destroy();
  signal.addEventListener("abort", drop, { once: true });
  if (signal.aborted) drop();
  try {
    const where = `Peer "${peer.name}" at ${peer.host}:${peer.port}`;
    const work = openSocket(socket, where).then(() => logIn(socket, peer, pinned, key, where));
    return await withDeadline(work, ms, `${where} (connecting)`, drop);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", drop);
  }
}

function ignore(): void {}

async function readKey(peer: PeerAddress): Promise<ParsedKey> {
  let text: Buffer;
  try {
    text = await readFile(peer.keyFile);
  } catch (error) {
    throw new KnownError(
      "peer-login",
      `The private key ${peer.keyFile} for peer "${peer.name}" cannot be read: ${sentenceOf(error)}.`,
      { peer: peer.name },
      error,
    );
  }
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(text);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error || !key.isPrivateKey()) {
    const why = key instanceof Error ? ` (${key.message})` : "";
    throw new KnownError(
      "peer-login",
      `${peer.keyFile} for peer "${peer.name}" is not a private key without a passphrase${why}.`,
      { peer: peer.name },
    );
  }
  return key;
}

function openSocket(socket: Socket, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) =>
      reject(unreachable(`${where} cannot be reached: ${error.message}.`, error)),
    );
    socket.once("close", () => reject(unreachable(`${where}: the connection was given up.`)));
  });
}

function logIn(
  socket: Socket,
  peer: PeerAddress,
  pinned: { type: string; blob: Buffer },
  key: ParsedKey,
  where: string,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let shown: Buffer | undefined;
    let encrypted = false;
    let first: Error | undefined;
    let ready = false;
    const closed = new Promise<Error | undefined>((settle) => {
      socket.once("close", () => settle(first));
    });
    client.on("handshake", () => {
      encrypted = true;
    });
    client.on("error", (error: Error & { level?: string }) => {
      first ??= error;
      if (ready) return void socket.destroy();
      reject(explain(error, { peer, where, pinned: pinned.blob, shown, key, encrypted }));
    });
    client.on("close", () => {
      reject(
        unreachable(
          `${where} closed the connection ${encrypted ? "during the login" : "before the SSH handshake was done"}.`,
          first,
        ),
      );
    });
    client.once("ready", () => {
      ready = true;
      resolve(connectionOf(client, socket, closed, peer));
    });
    const method: PublicKeyAuthMethod = { type: "publickey", username: peer.user, key };
    const config: ConnectConfig = {
      sock: socket,
      username: peer.user,
      authHandler: [method],
      algorithms: { serverHostKey: hostKeyAlgorithms(pinned.type) as never },
      hostVerifier: (offered: Buffer) => {
        if (offered.length === pinned.blob.length && timingSafeEqual(offered, pinned.blob)) return true;
        shown = Buffer.from(offered);
        return false;
      },
      // The deadline around all of this ends it; a second clock would only race with it.
      readyTimeout: 0,
      ...keepalive,
    };
    client.connect(config);
  });
}

interface Circumstances {
  readonly peer: PeerAddress;
  readonly where: string;
  readonly pinned: Buffer;
  readonly shown: Buffer | undefined;
  readonly key: ParsedKey;
  readonly encrypted: boolean;
}

function explain(error: Error & { level?: string }, seen: Circumstances): KnownError {
  const { peer, where } = seen;
  if (seen.shown !== undefined) {
    const found = fingerprintOf(seen.shown);
    const expected = fingerprintOf(seen.pinned);
    return new KnownError(
      "peer-host-key",
      `${where} shows host key ${found}, but ${expected} is pinned in the configuration. Nothing was sent.`,
      { peer: peer.name, found, expected },
      error,
    );
  }
  if (error.level === "client-authentication") {
    const fingerprint = fingerprintOf(seen.key.getPublicSSH());
    return new KnownError(
      "peer-login",
      `${where} does not accept our key ${fingerprint} (${peer.keyFile}) for user "${peer.user}".`,
      { peer: peer.name, fingerprint, user: peer.user },
      error,
    );
  }
  const stage = seen.encrypted ? "The login" : "The SSH handshake";
  return unreachable(`${stage} with ${where.replace("Peer", "peer")} failed: ${error.message}.`, error);
}

function connectionOf(
  client: Client,
  socket: Socket,
  closed: Promise<Error | undefined>,
  peer: PeerAddress,
): Connection {
  function exec(ms: number): Promise<ClientChannel> {
    const opened = new Promise<ClientChannel>((resolve, reject) => {
      const refused = (error: unknown): void => {
        reject(
          new KnownError(
            "peer-protocol",
            `Peer "${peer.name}" does not run a command for us: ${sentenceOf(error)}.`,
            { peer: peer.name },
            error,
          ),
        );
      };
      void closed.then(() => refused("the connection is closed"));
      try {
        client.exec(requestedCommand, (error, channel) => (error ? refused(error) : resolve(channel)));
      } catch (error) {
        refused(error);
      }
    });
    // Opening a channel may never call back; then nothing else on this connection can be trusted to.
    return withDeadline(opened, ms, `Peer "${peer.name}" (opening a channel)`, () => socket.destroy());
  }

  async function close(ms: number): Promise<void> {
    client.end();
    await withDeadline(closed, ms, "closing").catch(ignore);
    socket.destroy();
  }

  return { exec, closed, close, destroy: () => void socket.destroy() };
}

function unreachable(sentence: string, cause?: unknown): KnownError {
  return new KnownError("peer-unreachable", sentence, {}, cause);
}
