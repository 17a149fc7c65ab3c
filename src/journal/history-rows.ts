import type {
  HistoryEntry,
  HistoryKind,
  HistoryNote,
  HistorySnapshot,
  HistoryStep,
  HistoryTransition,
} from "./history.js";

/** Whoever can be asked for rows: the agent's open journal, or its file. */
export interface Rows {
  query<Row>(sql: string, ...values: readonly (string | number | null)[]): Row[];
}

/** Steps told of one transition. One that fails again and again for days has thousands; the newest tell why. */
const stepsOfOne = 50;

/** A longer text of a step or a note is cut: an error can carry a program's whole output. */
const textLimit = 2_000;

const none = { transition: null, step: null, snapshot: null, note: null };

/** An entry that is made when it is told: the steps of a transition that does not come to it are not read. */
export interface Pending {
  readonly at: string;
  readonly tell: () => HistoryEntry;
}

/** Entries of every kind since a time, at most `limit` of each kind, not yet in order between the kinds. */
export function historyRows(journal: Rows, since: string, limit: number): Pending[] {
  const read = <Row>(sql: string): Row[] => journal.query<Row>(sql, since, limit);
  return [
    ...read<TransitionRow>(transitionSql(hasPlans(journal) ? "plan" : "NULL")).map(
      ({ id, at, plan, ...row }) =>
        pending(at, "transition", () => ({
          transition: { ...row, plan: plan === null ? null : JSON.parse(plan), ...stepsOf(journal, id) },
        })),
    ),
    ...read<HistoryStep>(looseStepSql).map((step) => pending(step.at, "step", () => ({ step }))),
    ...read<Dated<HistorySnapshot>>(snapshotSql).map(({ at, ...snapshot }) =>
      pending(at, "snapshot", () => ({ snapshot })),
    ),
    ...read<NoteRow>(noteSql).map(({ at, ...row }) => pending(at, "note", () => ({ note: noteOf(row) }))),
  ];
}

type Dated<T> = T & { readonly at: string };
type NoteRow = Dated<{ readonly kind: string; readonly detail: string; readonly size: number }>;
type TransitionRow = Dated<Omit<HistoryTransition, "plan" | "steps" | "stepsLeftOut">> & {
  readonly id: number;
  readonly plan: string | null;
};

const cut = (column: string): string => `substr(${column}, 1, ${textLimit}) AS ${column}`;
const stepColumns = `started_at AS at, step, ${cut("detail")}, outcome, ${cut("error")}, ms`;
const transitionSql = (
  plan: string,
): string => `SELECT id, started_at AS at, role_before AS "before", role, cause,
  ${plan} AS plan, outcome, ended_at AS endedAt, ms FROM transitions WHERE started_at >= ? ORDER BY id DESC LIMIT ?`;
const looseStepSql = `SELECT ${stepColumns} FROM steps WHERE transition_id IS NULL AND started_at >= ?
  ORDER BY id DESC LIMIT ?`;
const stepSql = `SELECT ${stepColumns} FROM steps WHERE transition_id = ? ORDER BY id DESC LIMIT ${stepsOfOne}`;
const snapshotSql = `SELECT at, snapshot, event, peer, bytes, ms, ${cut("detail")} FROM snapshots
  WHERE at >= ? ORDER BY id DESC LIMIT ?`;
const noteSql = `SELECT at, kind, length(detail) AS size, iif(length(detail) <= ${textLimit * 8}, detail, '') AS detail
  FROM notes WHERE at >= ? ORDER BY id DESC LIMIT ?`;

/** The file of an agent that has not run since it was updated is read as it is. */
function hasPlans(journal: Rows): boolean {
  return journal.query("SELECT 1 FROM pragma_table_info('transitions') WHERE name = 'plan'").length > 0;
}

function pending(at: string, kind: HistoryKind, what: () => Partial<HistoryEntry>): Pending {
  return { at, tell: () => ({ at, kind, ...none, ...what() }) };
}

/** The steps of a transition in the order in which they were done. */
function stepsOf(journal: Rows, id: number): Pick<HistoryTransition, "steps" | "stepsLeftOut"> {
  const steps = journal.query<HistoryStep>(stepSql, id).reverse();
  if (steps.length < stepsOfOne) return { steps, stepsLeftOut: 0 };
  const [row] = journal.query<{ n: number }>("SELECT count(*) AS n FROM steps WHERE transition_id = ?", id);
  return { steps, stepsLeftOut: (row?.n ?? steps.length) - steps.length };
}

function noteOf({ kind, detail, size }: Omit<NoteRow, "at">): HistoryNote {
  return { kind, detail: detail === "" ? { leftOut: `${size} characters` } : JSON.parse(detail) };
}
