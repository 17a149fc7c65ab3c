import { z } from "zod";
import { type Finding, type Reason, type ReasonCode, reasonKinds } from "./reason.js";

const keptSchema = z.object({
  reasons: z.array(
    z.object({
      code: z.string().refine((code): code is ReasonCode => Object.hasOwn(reasonKinds, code)),
      about: z.string().nullable(),
      sentence: z.string(),
      todo: z.string(),
      since: z.iso.datetime(),
      toldAt: z.number(),
    }),
  ),
});

interface Entry {
  readonly reason: Reason;
  /** When it was last told to somebody; ms since 1970. */
  readonly toldAt: number;
}

/** What one look changed. */
export interface BookChange {
  readonly raised: readonly Reason[];
  readonly cleared: readonly Reason[];
  /** There still, and due to be told again. */
  readonly repeated: readonly Reason[];
}

const severityOrder = ["critical", "warning"];
const codeOrder = Object.keys(reasonKinds);

/**
 * Which reasons there are, and since when. Code and `about` make a reason what it is, its wording does not. Each is
 * raised once and cleared once however often it is found in between, over restarts too.
 */
export class ReasonBook {
  readonly #repeatMs: number;
  #entries: ReadonlyMap<string, Entry>;

  /** `kept`: what `toKeep` gave before a restart; anything else is an empty book. `repeatMs`: 0 is never. */
  constructor(kept: unknown, repeatMs = 0) {
    this.#repeatMs = repeatMs;
    const reasons = keptSchema.safeParse(kept).data?.reasons ?? [];
    this.#entries = new Map(
      reasons.map(({ toldAt, since, ...finding }) => [
        keyOf(finding),
        { reason: { ...finding, ...reasonKinds[finding.code], since }, toldAt },
      ]),
    );
  }

  /** The worst first, then in the order of `reasonKinds`. */
  get reasons(): readonly Reason[] {
    return [...this.#entries.values()].map(({ reason }) => reason).sort(compare);
  }

  /** One look's findings. `now`: ms since 1970. */
  update(findings: readonly Finding[], now: number): BookChange {
    const before = this.#entries;
    const entries = new Map<string, Entry>();
    const raised: Reason[] = [];
    const repeated: Reason[] = [];
    for (const finding of findings) {
      const key = keyOf(finding);
      if (entries.has(key)) continue;
      const known = before.get(key);
      const since = known?.reason.since ?? new Date(now).toISOString();
      const reason: Reason = { ...finding, ...reasonKinds[finding.code], since };
      const isDue = known !== undefined && this.#isDue(known, now);
      if (known === undefined) raised.push(reason);
      else if (isDue) repeated.push(reason);
      // A clock that was set back must not silence a reason for as long.
      const toldAt = known === undefined || isDue ? now : Math.min(known.toldAt, now);
      entries.set(key, { reason, toldAt });
    }
    const cleared = [...before].filter(([key]) => !entries.has(key)).map(([, { reason }]) => reason);
    this.#entries = entries;
    return { raised: raised.sort(compare), cleared: cleared.sort(compare), repeated: repeated.sort(compare) };
  }

  /** What a new book must be given to go on. */
  toKeep(): unknown {
    return {
      reasons: [...this.#entries.values()].map(({ reason, toldAt }) => {
        const { code, about, sentence, todo, since } = reason;
        return { code, about, sentence, todo, since, toldAt };
      }),
    };
  }

  #isDue({ toldAt }: Entry, now: number): boolean {
    return this.#repeatMs > 0 && now - toldAt >= this.#repeatMs;
  }
}

/** What makes two findings the same reason. */
export function keyOf({ code, about }: Pick<Finding, "code" | "about">): string {
  return about === null ? code : `${code} ${about}`;
}

function compare(a: Reason, b: Reason): number {
  return (
    severityOrder.indexOf(a.severity) - severityOrder.indexOf(b.severity) ||
    codeOrder.indexOf(a.code) - codeOrder.indexOf(b.code) ||
    (a.about ?? "").localeCompare(b.about ?? "")
  );
}
