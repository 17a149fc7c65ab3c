import { KnownError } from "../platform/errors.js";
import type { Session } from "./session.js";

/**
 * One line of work over a session of its own, opened when first needed: one piece of work at a time, each with a
 * deadline for waiting and working together. A piece that is late or breaks the session costs only this session.
 */
export interface Lane {
  run<T>(what: string, ms: number, work: (session: Session) => Promise<T>): Promise<T>;
  /** Opens the session beforehand, so that the next work need not wait for a process to start. */
  warm(): Promise<void>;
  close(cause?: KnownError): void;
}

export function createLane(openOne: () => Promise<Session>): Lane {
  let session: Promise<Session> | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  function open(): Promise<Session> {
    if (session !== undefined) return session;
    const opening = openOne();
    session = opening;
    const forget = (): void => {
      if (session === opening) session = undefined;
    };
    opening.then((opened) => opened.ended.then(forget), forget);
    return opening;
  }

  function drop(cause?: KnownError): void {
    const dropped = session;
    session = undefined;
    dropped?.then(
      (opened) => opened.close(cause),
      () => {},
    );
  }

  async function run<T>(what: string, ms: number, work: (session: Session) => Promise<T>): Promise<T> {
    const before = turn;
    let late: KnownError | undefined;
    let mine = false;
    const done = (async () => {
      await before;
      if (late !== undefined) throw late;
      mine = true;
      return work(await open());
    })();
    turn = done.catch(() => {});
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        late = new KnownError("deadline", `${what}: not done within ${ms} ms.`, { ms });
        reject(late);
      }, ms);
    });
    try {
      return await Promise.race([done, deadline]);
    } catch (error) {
      // After a lost answer nobody knows where the other side stands in this session; a refusal is an answer. What
      // was late while it waited behind someone else's work must not end that one.
      if (mine && !(error instanceof KnownError && error.code === "peer-refused")) drop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  return { run, warm: async () => void (await open()), close: drop };
}
