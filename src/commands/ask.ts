import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { KnownError } from "../platform/errors.js";

/** True if there is somebody to ask: a terminal on both sides. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/**
 * Asks on the terminal and waits for a line, without limit: a person may take his time. An empty answer is the default,
 * if there is one. Errors: `not-done` after Ctrl-C, Ctrl-D or when the terminal is gone, `usage` if there never was one.
 */
export async function ask(question: string, given: { readonly default?: string } = {}): Promise<string> {
  const hint = given.default === undefined ? "" : ` [${given.default}]`;
  const answer = (await readLine(`${question}${hint}: `, false)).trim();
  return answer === "" ? (given.default ?? "") : answer;
}

/** The same without an echo, for passwords. Blanks around the answer belong to it. */
export function askHidden(question: string): Promise<string> {
  return readLine(`${question}: `, true);
}

/** True only if the answer is y or yes; Enter alone is a no. Errors as of `ask`. */
export async function confirm(question: string): Promise<boolean> {
  const answer = (await readLine(`${question} [y/N] `, false)).trim().toLowerCase();
  return answer === "y" || answer === "yes";
}

/** Questions go to stderr: what a command tells on stdout stays whole. */
async function readLine(prompt: string, hidden: boolean): Promise<string> {
  if (!canAsk()) {
    throw new KnownError("usage", "There is no terminal to ask on: say with options what is to be done.");
  }
  const output = hidden ? new Writable({ write: (_chunk, _encoding, done) => done() }) : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  let giveUp = (): void => {};
  const gone = new Promise<never>((_, reject) => {
    giveUp = () => {
      process.stderr.write("\n");
      reject(new KnownError("not-done", "The question was not answered: nothing more was done."));
    };
  });
  lines.once("SIGINT", giveUp);
  lines.once("close", giveUp);
  process.stdin.once("error", giveUp);
  try {
    if (hidden) process.stderr.write(prompt);
    return await Promise.race([lines.question(hidden ? "" : prompt), gone]);
  } finally {
    // Closing is what every question ends with, and no refusal then.
    lines.removeListener("close", giveUp);
    process.stdin.removeListener("error", giveUp);
    lines.close();
    if (hidden) process.stderr.write("\n");
  }
}
