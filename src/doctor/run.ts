import { monotonic, withDeadline } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import { failedWith, failing, notChecked, type Verdict } from "./verdict.js";

/** One link of the chain, and how it is looked at. */
export interface Check {
  /** Fixed: scripts rely on it. */
  readonly name: string;
  /** Which peer, if there may be several. */
  readonly about: string | null;
  /** As people read it, at most 20 characters. */
  readonly title: string;
  /** Looked at only when these are well or give a warning; keys as `keyOf` makes them. */
  readonly needs: readonly string[];
  /** Milliseconds that the look may take. */
  readonly ms: number;
  /** Where to look if it takes longer. */
  readonly late?: string;
  run(): Promise<Verdict>;
}

/** A link that has been looked at. */
export interface Line extends Verdict {
  readonly check: string;
  readonly about: string | null;
  readonly title: string;
  /** How long the look took. */
  readonly ms: number;
  /** Not looked at because this line, by its title, is not well; null if there was another reason or none. */
  readonly blockedBy: string | null;
}

export function keyOf(name: string, about: string | null = null): string {
  return about === null ? name : `${name} ${about}`;
}

const lateTodo = "It hangs: look at that part of the host with `top` and `procstat -kka`, and into the log.";

/** Looks at everything at once, each as soon as what it needs has been told. Each promise settles, and none rejects. */
export function runChain(checks: readonly Check[]): Promise<Line>[] {
  const told = new Map<string, Promise<Line>>();
  for (const check of checks) told.set(keyOf(check.name, check.about), runOne(check, told));
  return [...told.values()];
}

async function runOne(check: Check, told: ReadonlyMap<string, Promise<Line>>): Promise<Line> {
  const { name, about, title } = check;
  const before = await Promise.all(check.needs.map((key) => told.get(key)));
  const unwell = before.find((line) => line?.state === "failing" || line?.state === "not-checked");
  if (unwell !== undefined) {
    const blockedBy = unwell.blockedBy ?? unwell.title;
    return { check: name, about, title, ...notChecked(`"${blockedBy}" is not well`), ms: 0, blockedBy };
  }
  const began = monotonic();
  const verdict = await look(check);
  return { check: name, about, title, ...verdict, ms: Math.round(monotonic() - began), blockedBy: null };
}

async function look({ run, ms, late, title }: Check): Promise<Verdict> {
  try {
    return await withDeadline(run(), ms, title);
  } catch (error) {
    if (!isKnown(error, "deadline")) return failedWith(error);
    return failing(error.message, late ?? lateTodo);
  }
}

/**
 * The lines in the order of the chain. One that is late by more than `patienceMs` holds up none behind it: these are
 * told first, and it when it has ended.
 */
export async function* inOrder(lines: readonly Promise<Line>[], patienceMs: number): AsyncGenerator<Line> {
  const waiting = new Map(lines.entries());
  const done = new Map<number, Line>();
  for (const [place, line] of waiting) void line.then((value) => done.set(place, value));
  while (waiting.size > 0) {
    const [next = 0] = waiting.keys();
    await Promise.race([waiting.get(next), pause(patienceMs)]);
    const isLate = !done.has(next);
    if (isLate) await Promise.race(waiting.values());
    for (const place of [...waiting.keys()]) {
      const line = done.get(place);
      if (line === undefined && isLate) continue;
      if (line === undefined) break;
      waiting.delete(place);
      yield line;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
