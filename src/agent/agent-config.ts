import { validate } from "node-cron";
import { readText } from "../config/file.js";
import { parseConfig } from "../config/load.js";
import { formatKeyPath, lineOf } from "../config/locate.js";
import type { Config } from "../config/schema.js";
import { type Mistake, secretFileMistakes } from "../config/secret-files.js";
import { KnownError } from "../platform/errors.js";
import { keepLocalProblem } from "../snapshot/keep-local.js";

/**
 * The configuration as an agent can run with it: what `loadConfig` checks, what only those parts know that work with the
 * values, and that the files of secrets are for their owner alone (`config-invalid`, with every mistake). After this, a
 * start can only fail for reasons outside of the file.
 */
export function loadAgentConfig(file: string): Config {
  const text = readText(file);
  const config = parseConfig(text, file);
  const mistakes = [...mistakesOf(config), ...secretFileMistakes(config)];
  if (mistakes.length === 0) return config;
  const lines = mistakes.map(({ path, sentence }) => {
    const line = lineOf(text, path);
    return `${line === undefined ? file : `${file}:${line}`}: ${formatKeyPath(path)}: ${sentence}`;
  });
  throw new KnownError("config-invalid", lines.join("\n"), { file });
}

function mistakesOf({ snapshots, proxysql }: Config): Mistake[] {
  const mistakes: Mistake[] = [];
  for (const key of ["schedule", "drill_schedule"] as const) {
    const value = snapshots[key];
    if (validate(value)) continue;
    const expected = 'expected a cron expression such as "* * * * *"';
    mistakes.push({ path: ["snapshots", key], sentence: `${expected}, found ${JSON.stringify(value)}.` });
  }
  for (const entry of proxysql.keep_local ?? []) {
    const problem = keepLocalProblem(entry);
    if (problem === undefined) continue;
    mistakes.push({
      path: ["proxysql", "keep_local"],
      sentence: `${problem}, found ${JSON.stringify(entry)}.`,
    });
  }
  return mistakes;
}
