import { z } from "zod";
import type { Refusal } from "./refusals.js";
import { type PlannedStep, switchoverSteps } from "./steps.js";

export type StepState = "waiting" | "running" | "done" | "failed" | "skipped";

export interface StepProgress extends PlannedStep {
  readonly state: StepState;
  /** How long it took, or has taken so far. */
  readonly ms: number | null;
  readonly detail: string | null;
}

/**
 * `running`: not over yet. `planned`: a dry run is over. `refused`: nothing was done. `done`: the role has moved.
 * `undone`: it failed, and all is as it was. `failed`: it failed, and not all is as it was.
 */
export type SwitchoverState = "running" | "planned" | "refused" | "done" | "undone" | "failed";

/** The document of `switchover --json`. Described in docs/json.md; fields are only ever added. */
export interface SwitchoverDocument {
  readonly schema: "proxysql-carp/switchover/v1";
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly state: SwitchoverState;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly refusals: readonly Refusal[];
  /** What `--force` went on in spite of. */
  readonly overridden: readonly Refusal[];
  readonly steps: readonly StepProgress[];
  /** The whole, so far. */
  readonly ms: number;
  /**
   * From the moment the old node took no new clients until the new one was seen to serve; null before that. Clients see
   * no more than this.
   */
  readonly unservedMs: number | null;
  /** The old node keeps its share of demotion, because it would take the address back without; null before the end. */
  readonly standsAside: boolean | null;
  /** What went wrong, and what was done about it. */
  readonly error: string | null;
  readonly undo: readonly string[];
}

/** Whether nothing changes in it any more. */
export function isOver({ state }: Pick<SwitchoverDocument, "state">): boolean {
  return state !== "running";
}

const longestText = 4_000;
const longestList = 64;
const text = z.string().max(longestText);
const span = z.number().nonnegative().nullable();
const refusals = z
  .array(z.object({ code: text, sentence: text, todo: text, canForce: z.boolean() }))
  .max(longestList);

const documentSchema: z.ZodType<SwitchoverDocument> = z.object({
  schema: z.literal("proxysql-carp/switchover/v1"),
  id: z.string().regex(/^[0-9a-f]{8}$/),
  from: text,
  to: text,
  state: z.enum(["running", "planned", "refused", "done", "undone", "failed"]),
  startedAt: text,
  refusals,
  overridden: refusals,
  steps: z
    .array(
      z.object({
        step: z.enum(switchoverSteps),
        what: text,
        state: z.enum(["waiting", "running", "done", "failed", "skipped"]),
        ms: span,
        detail: text.nullable(),
      }),
    )
    .max(longestList),
  ms: z.number().nonnegative(),
  unservedMs: span,
  standsAside: z.boolean().nullable(),
  error: text.nullable(),
  undo: z.array(text).max(longestList),
});

/** A peer's document of a switchover that it performs for us; null if it is none that we can show. */
export function readSwitchover(document: unknown): SwitchoverDocument | null {
  return documentSchema.safeParse(document).data ?? null;
}
