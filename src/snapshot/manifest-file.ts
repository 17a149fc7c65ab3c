import { join } from "node:path";
import type { z } from "zod";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { writeFileDurably } from "../platform/files.js";
import { NotPlainFile, openSingle } from "../platform/plain-file.js";
import { type Manifest, manifestSchema, snapshotId } from "./manifest.js";
import { type Refusal, refusalError, refuse } from "./refusal.js";
import { sealOf } from "./seal.js";

export const manifestName = "manifest.json";
/** What fits into one message of the link. A manifest has a line for each table: some kilobytes. */
const sizeLimit = 1024 * 1024;
/** A manifest of another kind has hundreds of faults; the first ones tell as much. */
const issueLimit = 3;

/**
 * Reads a manifest that came from outside: it must have the form, its seal must be right, and its id must be that of
 * its lineage. What a later version has written into it besides stays in it: the seal is over that too.
 */
export function parseManifest(value: unknown): { manifest: Manifest } | { refusal: Refusal } {
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) return invalid(`has not the right form: ${faultsIn(parsed.error)}`);
  const manifest = value as Manifest;
  const seal = sealOf(manifest);
  if (seal === undefined) return invalid("is nested too deep to be one.");
  if (manifest.seal !== seal) return invalid("is damaged: it is not what its seal was made for.");
  const id = snapshotId(manifest.lineage);
  if (manifest.id !== id) return invalid(`calls itself ${manifest.id}, but its lineage is ${id}.`);
  return { manifest };
}

/**
 * The manifest in a snapshot's directory. One that cannot be believed is a `snapshot-refused` error with the cause
 * `manifest-invalid`; none at all is `snapshot-missing`, and one that the disk does not give is `not-done`.
 */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, manifestName);
  const result = parseManifest(await readJson(path));
  if ("manifest" in result) return result.manifest;
  throw refusalError(refuse(result.refusal.cause, `${path}: ${result.refusal.sentence}`));
}

/** Writes the manifest into a snapshot's directory, mode 0600. */
export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  await writeFileDurably(join(dir, manifestName), textOf(manifest), 0o600);
}

/** True for a manifest that nobody could send or read: some tool has made tables by the thousand. */
export function isTooLarge(manifest: Manifest): boolean {
  return Buffer.byteLength(textOf(manifest)) > sizeLimit;
}

function textOf(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function invalid(what: string): { refusal: Refusal } {
  return { refusal: refuse("manifest-invalid", `The manifest ${what}`) };
}

function faultsIn({ issues }: z.ZodError): string {
  const first = issues.slice(0, issueLimit).map(({ path, message }) => {
    return `${path.map(String).join(".") || "the whole"}: ${message}`.slice(0, 200);
  });
  const more = issues.length > issueLimit ? [`and ${issues.length - issueLimit} more`] : [];
  return `${[...first, ...more].join("; ")}.`;
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readSmall(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      throw new KnownError("snapshot-missing", `There is no manifest ${path}.`, { path }, error);
    }
    if (error instanceof NotPlainFile || error instanceof TooLong)
      throw refusalError(refuse("manifest-invalid", `${path} is no manifest: ${error.message}.`), error);
    throw new KnownError("not-done", `${path} cannot be read: ${sentenceOf(error)}`, { path }, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refusalError(refuse("manifest-invalid", `${path} is not JSON.`), error);
  }
}

class TooLong extends Error {}

async function readSmall(path: string): Promise<string> {
  const handle = await openSingle(path);
  try {
    const { size } = await handle.stat();
    if (size > sizeLimit) throw new TooLong(`it has ${size} bytes`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
