import type { Figure } from "./figure.js";
import type { Machine } from "./machine.js";

/** A benchmark that could not be carried out. */
export interface Failure {
  readonly name: string;
  readonly error: string;
}

/** A benchmark that this machine cannot carry out. */
export interface Skipped {
  readonly name: string;
  readonly why: string;
}

/** The document of `npm run bench -- --json`. Described in docs/json.md. */
export interface BenchDocument {
  readonly schema: "proxysql-carp/bench/v1";
  readonly machine: Machine;
  readonly figures: readonly Figure[];
  readonly failures: readonly Failure[];
  readonly skipped: readonly Skipped[];
}

const columns = ["figure", "unit", "p50", "p99", "n", "recipe", "ratio", "bound", ""];

/** The document as a table for people. */
export function formatDocument({ machine, figures, failures, skipped }: BenchDocument): string {
  const { cpus, memory, node, os, proxysql, load } = machine;
  const rows = figures.map(({ name, unit, ours, versus, ratio, bound, ok }) => [
    name,
    unit,
    String(ours.p50),
    String(ours.p99),
    String(ours.n),
    versus === null ? "-" : String(versus.p50),
    ratio === null ? "-" : String(ratio),
    bound,
    ok ? "ok" : "OVER",
  ]);
  const notes = figures.map(({ name, versus, note }) => {
    return `${name}: ${note}${versus === null ? "" : ` (recipe: ${versus.name})`}`;
  });
  return [
    `${cpus} CPUs (load ${load.toFixed(1)}), ${memory} MiB, ${os}, Node.js ${node}, ProxySQL: ${proxysql}`,
    "",
    ...table([columns, ...rows]),
    "",
    ...notes,
    ...failures.map(({ name, error }) => `${name} FAILED: ${error}`),
    ...skipped.map(({ name, why }) => `${name} skipped: ${why}`),
    "",
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

function isNumber(column: number): boolean {
  return column >= 2 && column <= 6;
}
