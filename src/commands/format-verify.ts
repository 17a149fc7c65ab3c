import { printable } from "../platform/printable.js";
import type { Check } from "../snapshot/check-list.js";
import type { Refusal } from "../snapshot/refusal.js";

/** The document of `snapshot verify --json`. Described in docs/json.md. */
export interface VerifyDocument {
  readonly schema: "proxysql-carp/verify/v1";
  /** As it was given. */
  readonly what: string;
  /** `unreadable`: refused before it was seen what it is. */
  readonly kind: "file" | "gzip" | "directory" | "stored" | "unreadable";
  readonly ok: boolean;
  readonly refusal: Refusal | null;
  readonly snapshot: string | null;
  readonly takenAt: string | null;
  readonly checks: readonly Check[];
  /** Rows by table; empty if it is refused. */
  readonly rows: Readonly<Record<string, number>>;
  readonly ms: number;
}

const states = { passed: "passed", failed: "FAILED", "not-made": "not made" } as const;

/** The verdict in one line, then each check. What a file says of itself does not reach the terminal raw. */
export function formatVerify(document: VerifyDocument): string {
  const { what, snapshot, takenAt, refusal, checks, rows } = document;
  const named = snapshot === null ? what : `${what} (snapshot ${snapshot}, taken ${takenAt})`;
  const verdict = refusal === null ? `verified: ${named}` : `refused: ${refusal.cause}: ${refusal.sentence}`;
  const lines = checks.map(({ name, state, why }) => {
    return `  ${name.padEnd(12)}${states[state]}${why === null ? "" : `: ${why}`}`;
  });
  const filled = Object.entries(rows).filter(([, count]) => count > 0);
  const counts = filled.map(([table, count]) => `${table} ${count}`).join(", ");
  return [verdict, ...lines, ...(counts === "" ? [] : [`  rows        ${counts}`])]
    .map((line) => `${printable(line)}\n`)
    .join("");
}
