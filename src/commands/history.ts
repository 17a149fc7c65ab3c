import { join } from "node:path";
import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { type HistoryDocument, type HistoryOptions, mostEntries, readSince } from "../journal/history.js";
import { readHistoryFile } from "../journal/history-file.js";
import { isKnown, KnownError } from "../platform/errors.js";
import { askAgent } from "./ask-agent.js";
import { colours } from "./colour.js";
import { formatHistory } from "./format-history.js";

/**
 * `history`: what the agent did and why, newest first. A dead agent's journal is read from its file, for that is when one
 * wants to know.
 */
export async function showHistory(
  configFile: string,
  options: { json?: boolean; since?: string; limit?: string },
): Promise<number> {
  const asked = { ...sinceOf(options.since), ...limitOf(options.limit) };
  const history = await readFromAgentOrFile(loadConfig(configFile), asked);
  const { stdout } = process;
  stdout.write(
    options.json ? `${JSON.stringify(history, null, 2)}\n` : formatHistory(history, colours(stdout)),
  );
  return 0;
}

async function readFromAgentOrFile(config: Config, asked: HistoryOptions): Promise<HistoryDocument> {
  try {
    const answer = await askAgent(config, { op: "history", ...asked });
    return answer.history as HistoryDocument;
  } catch (error) {
    if (!isKnown(error, "agent-unreachable")) throw error;
    const file = join(config.node.state_dir, "journal.db");
    const history = readHistoryFile(file, config.node.name, asked);
    process.stderr.write(`proxysql-carp: no agent answers; this is from ${file}\n`);
    return history;
  }
}

function sinceOf(text: string | undefined): { since?: string } {
  if (text === undefined) return {};
  const since = readSince(text);
  if (since === undefined)
    throw new KnownError(
      "usage",
      `--since: expected a time such as 2026-11-21T03:00:00Z or a duration such as 24h, found "${text}".`,
    );
  return { since };
}

function limitOf(text: string | undefined): { limit?: number } {
  if (text === undefined) return {};
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > mostEntries)
    throw new KnownError("usage", `--limit: expected a number, 1 to ${mostEntries}, found "${text}".`);
  return { limit };
}
