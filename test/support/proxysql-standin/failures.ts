import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, adminError } from "./session.js";

const lookEveryMs = 20;

/**
 * Carries a statement out, or fails it as files in the directory PROXYSQL_STANDIN_FAILURES say while they exist. Each
 * holds a part of the statements that it is about: `admin.fail` (an error, nothing done), `admin.hang` (it and all that
 * come after it wait until the file is gone, and are done then), `admin.late` (done, and never answered).
 */
export async function withFailures(text: string, carryOut: () => Promise<Answer>): Promise<Answer> {
  const directory = process.env.PROXYSQL_STANDIN_FAILURES;
  if (directory === undefined) return carryOut();
  while (isAbout(join(directory, "admin.hang"), text)) await sleep(lookEveryMs);
  if (isAbout(join(directory, "admin.fail"), text)) return adminError("made to fail");
  const answer = await carryOut();
  return isAbout(join(directory, "admin.late"), text) ? { kind: "none" } : answer;
}

function isAbout(file: string, text: string): boolean {
  try {
    const part = readFileSync(file, "utf8");
    return part !== "" && text.includes(part);
  } catch {
    return false;
  }
}
