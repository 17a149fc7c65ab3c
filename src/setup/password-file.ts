import { stat } from "node:fs/promises";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { isRoot } from "../platform/plain-file.js";
import { below } from "./places.js";

/**
 * Checks a password's file that somebody else made: a secret that others than its owner can read or change is none, and
 * is not used (`not-done`).
 */
export async function checkPasswordFile(root: string, path: string): Promise<void> {
  const facts = await stat(below(root, path)).catch((error: unknown) => {
    throw new KnownError(
      "not-done",
      `The password's file ${path} cannot be read: ${sentenceOf(error)}`,
      {},
      error,
    );
  });
  if (!facts.isFile()) throw new KnownError("not-done", `The password's file ${path} is no file.`);
  const mode = facts.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new KnownError(
      "not-done",
      `The password's file ${path} has mode ${mode.toString(8).padStart(4, "0")}: others than its owner can read or change it. Do \`chmod 600\` on it, and change the password.`,
    );
  }
  if (isRoot() && facts.uid !== 0) {
    throw new KnownError(
      "not-done",
      `The password's file ${path} belongs to user ${facts.uid}, not to root.`,
    );
  }
}
