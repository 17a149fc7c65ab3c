import { lookup } from "node:dns/promises";
import { connect, isIP } from "node:net";
import { type Connection, connectPeer, type PeerAddress } from "../peer/connect.js";
import { type PeerStatus, readPeerStatus } from "../peer/peer-status.js";
import { parseObject } from "../peer/protocol.js";
import { openSession, type Session } from "../peer/session.js";
import { monotonic, wallClock, withDeadline } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { once } from "./once.js";

const nameMs = 5_000;
const portMs = 5_000;
const loginMs = 10_000;
const answerMs = 5_000;

/** A clock read over the link. Milliseconds. */
export interface ClockSeen {
  /** The peer's clock minus ours, good to half a round trip. */
  readonly skewMs: number;
  readonly roundTripMs: number;
}

/** Who we are, to the peer. */
export interface Ourselves {
  readonly node: string;
  readonly version: string;
}

/**
 * The way to one peer, step by step, on a connection of the doctor's own: the agent's link may be up and the next one
 * not. Each step is taken once, however many lines ask for it.
 */
export interface PeerLook {
  readonly peer: PeerAddress;
  /** The addresses of its host. */
  readonly addresses: () => Promise<readonly string[]>;
  /** Milliseconds until its port accepted. */
  readonly knock: () => Promise<number>;
  /** Host key proven, our key accepted. */
  readonly connection: () => Promise<Connection>;
  /** The forced command has greeted. */
  readonly session: () => Promise<Session>;
  readonly clock: () => Promise<ClockSeen>;
  readonly status: () => Promise<PeerStatus>;
  /** Another session, for files. */
  bulk(): Promise<Session>;
  close(): void;
}

export function lookAtPeer(peer: PeerAddress, { node, version }: Ourselves): PeerLook {
  const ending = new AbortController();
  let open: Connection | undefined;

  const connection = once(async () => {
    open = await connectPeer(peer, loginMs, ending.signal).catch(asUnreachable);
    return open;
  });

  async function openAs(purpose: "control" | "bulk"): Promise<Session> {
    const channel = await (await connection()).exec(answerMs).catch(asUnreachable);
    return openSession(channel, { node, version, peerName: peer.name, purpose }, loginMs).catch(
      asUnreachable,
    );
  }

  const session = once(() => openAs("control"));

  return {
    peer,
    addresses: once(() => addressesOf(peer)),
    knock: once(() => knock(peer)),
    connection,
    session,
    clock: once(async () => readClock(await session())),
    status: once(async () => {
      const { body } = await (await session()).ask("status", { ms: answerMs });
      return readPeerStatus(parseObject(body), peer.name);
    }),
    bulk: () => openAs("bulk"),
    close: () => {
      ending.abort();
      open?.destroy();
    },
  };
}

/** A peer that is late while we connect is not slow, it is not there. */
function asUnreachable(error: unknown): never {
  if (!isKnown(error, "deadline")) throw error;
  throw new KnownError("peer-unreachable", error.message, {}, error);
}

async function addressesOf({ name, host }: PeerAddress): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    const found = await withDeadline(lookup(host, { all: true }), nameMs, `The name ${host}`);
    return found.map(({ address }) => address);
  } catch (error) {
    const why = sentenceOf(error);
    throw new KnownError("peer-unreachable", `The host of peer "${name}" is not found: ${why}`, {}, error);
  }
}

function knock({ name, host, port }: PeerAddress): Promise<number> {
  const began = monotonic();
  const socket = connect({ host, port });
  const where = `Port ${port} of ${host} (peer "${name}")`;
  const accepted = new Promise<number>((resolve, reject) => {
    socket.once("connect", () => resolve(monotonic() - began));
    socket.once("error", (error) =>
      reject(new KnownError("peer-unreachable", `${where} does not accept: ${error.message}.`, {}, error)),
    );
  });
  return withDeadline(accepted, portMs, where)
    .catch(asUnreachable)
    .finally(() => socket.destroy());
}

async function readClock(session: Session): Promise<ClockSeen> {
  const asked = monotonic();
  const { header } = await session.ask("ping", { ms: answerMs });
  const roundTripMs = monotonic() - asked;
  if (typeof header.now !== "number")
    throw new KnownError("peer-protocol", `Peer "${session.peer.node}" does not tell its clock.`);
  return { roundTripMs, skewMs: Math.round(header.now + roundTripMs / 2 - wallClock()) };
}
