import type { Reason } from "../health/reason.js";
import { wallClock } from "../platform/clock.js";

/** The document of `reasons --json` and of `/readyz`. Described in docs/json.md; fields are only ever added. */
export interface ReasonsDocument {
  readonly schema: "proxysql-carp/reasons/v1";
  readonly at: string;
  readonly node: string;
  /** There is no reason at all. */
  readonly ready: boolean;
  /** How many are critical; `/readyz` answers 503 if there is one. */
  readonly critical: number;
  /** The critical ones first, then as long as they have been there. */
  readonly reasons: readonly Reason[];
}

/** The document of these reasons, in the order in which an operator should look at them. */
export function reasonsDocument(node: string, reasons: readonly Reason[]): ReasonsDocument {
  return {
    schema: "proxysql-carp/reasons/v1",
    at: new Date(wallClock()).toISOString(),
    node,
    ready: reasons.length === 0,
    critical: reasons.filter(isCritical).length,
    reasons: inOrder(reasons),
  };
}

/** The critical ones first; of one severity the oldest first. */
export function inOrder(reasons: readonly Reason[]): Reason[] {
  return [...reasons].sort(
    (a, b) => Number(isCritical(b)) - Number(isCritical(a)) || Date.parse(a.since) - Date.parse(b.since),
  );
}

export function isCritical({ severity }: Pick<Reason, "severity">): boolean {
  return severity === "critical";
}
