import { monotonic, sleep, wallClock, withDeadline } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { backOff } from "./back-off.js";
import { type Connection, connectPeer } from "./connect.js";
import { startHeartbeat } from "./heartbeat.js";
import { createLane } from "./lane.js";
import {
  defaultTimings,
  type LinkOptions,
  type LinkTimings,
  type LinkView,
  type PeerLink,
} from "./link-types.js";
import { createQuestions } from "./questions.js";
import { openSession, type Session } from "./session.js";
import { getOver, putOver } from "./transfer.js";

export type { PeerLink } from "./link-types.js";

interface Established {
  readonly connection: Connection;
  readonly control: Session;
}

/** The link to one peer; see `PeerLink`. Nothing happens before `start`. */
export function createLink(options: LinkOptions): PeerLink {
  const { node, peer, log, version = "0" } = options;
  const restMs = options.rest ?? ((failures: number) => backOff(failures, Math.random()));
  const timings: LinkTimings = { ...defaultTimings, ...options.timings };
  const upListeners = new Set<() => void>();
  const downListeners = new Set<(cause: KnownError) => void>();
  const stopping = new AbortController();
  let view: LinkView = {
    state: "down",
    since: wallClock(),
    lastError: undefined,
    failures: 0,
    roundTrip: undefined,
    clockSkew: undefined,
    peerVersion: undefined,
  };
  let running: Promise<void> | undefined;
  let current: Established | undefined;
  let rest = new AbortController();
  let attempt: { readonly abort: AbortController; readonly at: number } | undefined;

  const putting = createLane(openBulk);
  const getting = createLane(openBulk);

  function introduction(purpose: "control" | "bulk") {
    return { node, version, peerName: peer.name, purpose } as const;
  }

  function requireUp(): Established {
    if (current !== undefined) return current;
    const why = view.lastError === undefined ? "" : ` ${view.lastError.message}`;
    throw new KnownError(
      "peer-unreachable",
      `Peer "${peer.name}" is not connected.${why}`,
      { peer: peer.name },
      view.lastError,
    );
  }

  async function openBulk(): Promise<Session> {
    const { connection } = requireUp();
    return openSession(await connection.exec(timings.answerMs), introduction("bulk"), timings.connectMs);
  }

  async function establish(signal: AbortSignal): Promise<Established> {
    const end = monotonic() + timings.connectMs;
    const connection = await connectPeer(peer, timings.connectMs, signal);
    const drop = (): void => connection.destroy();
    signal.addEventListener("abort", drop, { once: true });
    try {
      const left = (): number => Math.max(1, Math.round(end - monotonic()));
      const control = await openSession(await connection.exec(left()), introduction("control"), left());
      return { connection, control };
    } catch (error) {
      connection.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", drop);
    }
  }

  async function beat(control: Session): Promise<void> {
    const asked = monotonic();
    // The heartbeat itself decides when an answer is too late, so this deadline only bounds memory.
    const { header } = await control.ask("ping", { ms: timings.connectMs });
    const roundTrip = monotonic() - asked;
    const clockSkew =
      typeof header.now === "number" ? Math.round(header.now + roundTrip / 2 - wallClock()) : undefined;
    view = { ...view, roundTrip, clockSkew };
  }

  /** Stays until the link is down again, and tells why. */
  async function hold({ connection, control }: Established): Promise<KnownError> {
    let heartbeat: { stop(): void } | undefined;
    const silence = new Promise<KnownError>((resolve) => {
      heartbeat = startHeartbeat({
        ping: () => beat(control),
        everyMs: timings.heartbeatMs,
        silentBeats: timings.silentBeats,
        onSilence: () => resolve(lost(`is silent for ${timings.heartbeatMs * timings.silentBeats} ms`)),
      });
    });
    const broken = connection.closed.then((error) =>
      lost(`closed the connection${error === undefined ? "" : ` (${error.message})`}`, error),
    );
    let tellStop = (): void => {};
    const stopped = new Promise<KnownError>((resolve) => {
      tellStop = () => resolve(lost("is not asked any more: the agent stops"));
      if (stopping.signal.aborted) tellStop();
      stopping.signal.addEventListener("abort", tellStop, { once: true });
    });
    try {
      return await Promise.race([silence, broken, control.ended, stopped]);
    } finally {
      heartbeat?.stop();
      stopping.signal.removeEventListener("abort", tellStop);
    }
  }

  /** A peer that is late while we connect is not slow, it is not there. */
  function asUnreachable(error: unknown): KnownError {
    if (isKnown(error) && error.code !== "deadline") return error;
    return new KnownError("peer-unreachable", sentenceOf(error), { peer: peer.name }, error);
  }

  function lost(what: string, cause?: Error): KnownError {
    return new KnownError("peer-unreachable", `Peer "${peer.name}" ${what}.`, { peer: peer.name }, cause);
  }

  async function keepConnected(): Promise<void> {
    while (!stopping.signal.aborted) {
      const established = await tryOnce();
      if (established !== undefined) await serveUntilDown(established);
      if (stopping.signal.aborted) return;
      rest = new AbortController();
      await sleep(restMs(view.failures), AbortSignal.any([stopping.signal, rest.signal]));
    }
  }

  async function tryOnce(): Promise<Established | undefined> {
    const abort = new AbortController();
    attempt = { abort, at: monotonic() };
    view = { ...view, state: "connecting" };
    try {
      return await establish(AbortSignal.any([stopping.signal, abort.signal]));
    } catch (error) {
      if (stopping.signal.aborted || abort.signal.aborted) return undefined;
      failed(asUnreachable(error));
      return undefined;
    } finally {
      attempt = undefined;
      if (current === undefined) view = { ...view, state: "down" };
    }
  }

  function failed(error: KnownError): void {
    const repeated = view.lastError?.message === error.message;
    view = { ...view, failures: view.failures + 1, lastError: error };
    const fields = { peer: peer.name, code: error.code, error: error.message, failures: view.failures };
    if (repeated) log.debug(fields, "The peer still cannot be reached.");
    else log.warn({ ...fields, hint: error.hint }, "The peer cannot be reached.");
  }

  async function serveUntilDown(established: Established): Promise<void> {
    const { connection, control } = established;
    const upAt = monotonic();
    current = established;
    view = { ...view, state: "up", since: wallClock(), peerVersion: control.peer.version };
    log.info({ peer: peer.name, version: control.peer.version }, "The peer is connected.");
    const down = hold(established);
    tell(upListeners, undefined);
    const cause = await down;
    const failures = monotonic() - upAt < timings.steadyMs ? view.failures + 1 : 1;
    current = undefined;
    view = { ...view, state: "down", since: wallClock(), lastError: cause, failures, roundTrip: undefined };
    for (const closing of [putting, getting, control]) closing.close(cause);
    if (stopping.signal.aborted) {
      await connection.close(timings.stopMs);
    } else {
      connection.destroy();
      log.warn({ peer: peer.name, code: cause.code, error: cause.message }, "The peer is gone.");
    }
    tell(downListeners, cause);
  }

  function tell<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    for (const listener of listeners) {
      try {
        listener(value);
      } catch (error) {
        log.error({ peer: peer.name, error: sentenceOf(error) }, "A listener to the peer's link failed.");
      }
    }
  }

  function subscribe<T>(listeners: Set<T>, listener: T): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  const questions = createQuestions(peer.name, (op, fields, ms = timings.answerMs) =>
    requireUp().control.ask(op, { fields, ms }),
  );

  return {
    name: peer.name,
    get view() {
      return view;
    },
    start: () => {
      running ??= keepConnected();
    },
    stop: async () => {
      stopping.abort();
      await withDeadline(
        running ?? Promise.resolve(),
        timings.stopMs * 2,
        `Ending the link to peer "${peer.name}"`,
      ).catch(() => {});
    },
    nudge: () => {
      if (current !== undefined) return;
      view = { ...view, failures: 0 };
      rest.abort();
      // A connect into a black hole waits long; one that has only begun is as good as a new one.
      if (attempt !== undefined && monotonic() - attempt.at > 1_000) attempt.abort.abort();
    },
    waitUp: async (ms) => {
      if (current !== undefined) return true;
      const given = new AbortController();
      const forget = subscribe(upListeners, () => given.abort());
      await sleep(ms, AbortSignal.any([given.signal, stopping.signal]));
      forget();
      return current !== undefined;
    },
    onUp: (listener) => subscribe(upListeners, listener),
    onDown: (listener) => subscribe(downListeners, listener),
    warm: () => putting.warm().catch(() => {}),
    put: async (dir, manifest, putOptions) => {
      requireUp();
      return putting.run(`Sending ${manifest.id} to peer "${peer.name}"`, timings.transferMs, (session) =>
        putOver(session, dir, manifest, timings, putOptions),
      );
    },
    get: async (id, toDir, ms = timings.transferMs) => {
      requireUp();
      return getting.run(`Fetching ${id} from peer "${peer.name}"`, ms, (session) =>
        getOver(session, id, toDir, timings),
      );
    },
    ...questions,
  };
}
