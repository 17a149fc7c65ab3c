import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A JSON object as Orchestrator wrote it. */
export type Row = Record<string, unknown>;

/** Answers of the real Orchestrator are the mould for all rows: fields that nobody sets here are as it wrote them. */
export const masterMould = rowAt("healthy-all-instances", 0);
export const replicaMould = rowAt("healthy-all-instances", 1);
export const recoveryMould = rowAt("dead-master-audit-recovery", 0);
export const clusterMould = rowAt("healthy-clusters-info", 0);
export const healthMould = recorded("healthy-health") as Row;
export const analysisMould = (
  (recorded("dead-master-replication-analysis") as Row).Details as Row[]
)[0] as Row;

/** A recorded answer from test/fixtures/orchestrator. */
export function recorded(name: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot(), "test/fixtures/orchestrator", `${name}.json`), "utf8"));
}

function rowAt(name: string, index: number): Row {
  return (recorded(name) as Row[])[index] as Row;
}

/** This file runs from test/ as well as from build/test/. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
