import { KnownError, sentenceOf } from "../platform/errors.js";
import { type FenceCause, indexOf, type Latch, readLatch } from "./latch.js";
import { serverName } from "./server.js";

/** One line for the history: names instead of objects, and none where there is none. */
function told({ kind, detail, successor }: FenceCause): Record<string, string> {
  return { kind, detail, ...(successor === null ? {} : { successor: serverName(successor) }) };
}

export type FenceNote = "fenced" | "released" | "isolated" | "isolation-over";

export interface LatchKeeperOptions {
  /** `file`: what an error about the record names. */
  readonly keeper: { readonly file: string; read(): unknown; write(latch: Latch): void };
  /** Something that people want to find later. */
  readonly note: (kind: FenceNote, detail: Record<string, unknown>) => void;
}

/** Holds the latch, on disk before anything is done by it. `state-damaged` if what is there cannot be understood. */
export class LatchKeeper {
  readonly #options: LatchKeeperOptions;
  #latch: Latch;
  #unsaved = false;

  constructor(options: LatchKeeperOptions) {
    const latch = readLatch(options.keeper.read());
    if (latch === undefined) {
      throw new KnownError(
        "state-damaged",
        `${options.keeper.file}: the record of what is fenced cannot be understood.`,
      );
    }
    this.#options = options;
    this.#latch = latch;
  }

  get latch(): Latch {
    return this.#latch;
  }

  /**
   * Makes it so from now on. What cannot be written down counts all the same, and is written when it can be: a dead primary
   * does not wait. Returns why it could not.
   */
  keep(next: Latch): KnownError | undefined {
    const before = this.#latch;
    this.#latch = next;
    if (before !== next && JSON.stringify(before) !== JSON.stringify(next)) {
      this.#unsaved = true;
      this.#tell(before, next);
    }
    if (!this.#unsaved) return undefined;
    try {
      this.#options.keeper.write(this.#latch);
      this.#unsaved = false;
      return undefined;
    } catch (error) {
      const sentence = `What is fenced cannot be written down: ${sentenceOf(error)}`;
      return new KnownError("not-done", sentence, {}, error);
    }
  }

  #tell(before: Latch, next: Latch): void {
    const { note } = this.#options;
    const [was, is] = [indexOf(before), indexOf(next)];
    for (const { server, cause } of next.fences)
      if (!was.fenceOf(server)) note("fenced", { server: serverName(server), ...told(cause) });
    for (const { server } of before.fences)
      if (!is.fenceOf(server)) note("released", { server: serverName(server) });
    const [isolatedBefore, isolatedNow] = [before.isolatedSince, next.isolatedSince];
    if (isolatedBefore === null && isolatedNow !== null) note("isolated", { since: isolatedNow });
    if (isolatedBefore !== null && isolatedNow === null) note("isolation-over", { since: isolatedBefore });
  }
}
