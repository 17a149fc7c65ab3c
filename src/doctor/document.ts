import type { Line } from "./run.js";
import type { State } from "./verdict.js";

/** One line of `doctor --json`. */
export type LineDocument = Omit<Line, "unreachable">;

/** The document of `doctor --json`. Described in docs/json.md. */
export interface DoctorDocument {
  readonly schema: "proxysql-carp/doctor/v1";
  /** ISO 8601. */
  readonly at: string;
  /** null if the configuration cannot be read. */
  readonly node: string | null;
  readonly version: string;
  /** Nothing fails; warnings may be there. */
  readonly ok: boolean;
  readonly counts: Readonly<Record<State, number>>;
  /** In the order of the chain, from devd to the peer's disk. */
  readonly checks: readonly LineDocument[];
}

export function doctorDocument(
  about: Pick<DoctorDocument, "at" | "node" | "version">,
  lines: readonly Line[],
): DoctorDocument {
  const counts = countStates(lines);
  return {
    schema: "proxysql-carp/doctor/v1",
    ...about,
    ok: counts.failing === 0,
    counts,
    checks: lines.map(({ unreachable: _, ...line }) => line),
  };
}

export function countStates(lines: readonly Pick<Line, "state">[]): Record<State, number> {
  const counts = { ok: 0, warning: 0, failing: 0, "not-checked": 0 };
  for (const { state } of lines) counts[state] += 1;
  return counts;
}

/**
 * 0: nothing fails. 78: the configuration does. 3: an agent or a peer does not answer, and nothing else fails. 1: else.
 */
export function exitCodeOf(lines: readonly Pick<Line, "check" | "state" | "unreachable">[]): number {
  const failing = lines.filter(({ state }) => state === "failing");
  if (failing.length === 0) return 0;
  if (failing.some(({ check }) => check === "configuration")) return 78;
  return failing.every(({ unreachable }) => unreachable) ? 3 : 1;
}
