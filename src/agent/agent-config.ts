import { validate } from "node-cron";
import { loadConfig, readText } from "../config/load.js";
import { lineOf } from "../config/locate.js";
import type { Config } from "../config/schema.js";
import { KnownError } from "../platform/errors.js";
import { keepLocalProblem } from "../snapshot/keep-local.js";

/**
 * The configuration as an agent can run with it: what `loadConfig` checks, and what only those parts know that work
 * with the values (`config-invalid`). After this, a start can only fail for reasons outside of the file.
 */
export function loadAgentConfig(file: string): Config {
  const config = loadConfig(file);
  for (const key of ["schedule", "drill_schedule"] as const) {
    const value = config.snapshots[key];
    if (!validate(value)) refuse(file, ["snapshots", key], 'a cron expression such as "* * * * *"', value);
  }
  for (const entry of config.proxysql.keep_local ?? []) {
    const expected = keepLocalProblem(entry)?.replace(/^expected /, "");
    if (expected !== undefined) refuse(file, ["proxysql", "keep_local"], expected, entry);
  }
  return config;
}

function refuse(file: string, path: readonly string[], expected: string, found: string): never {
  const line = lineOf(readText(file), path);
  const place = line === undefined ? file : `${file}:${line}`;
  throw new KnownError(
    "config-invalid",
    `${place}: ${path.join(".")}: expected ${expected}, found ${JSON.stringify(found)}.`,
  );
}
