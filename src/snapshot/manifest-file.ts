import { join } from "node:path";
import { z } from "zod";
import { KnownError, systemCode } from "../platform/errors.js";
import { writeFileDurably } from "../platform/files.js";
import { openSingle } from "../platform/plain-file.js";
import { type Manifest, manifestSchema, snapshotId } from "./manifest.js";
import { type Refusal, refuse } from "./refusal.js";

export const manifestName = "manifest.json";
/** A manifest has a line for each table: some kilobytes. */
const sizeLimit = 16 * 1024 * 1024;

/** Reads a manifest that came from outside: it must have the form, and its id must be that of its lineage. */
export function parseManifest(value: unknown): { manifest: Manifest } | { refusal: Refusal } {
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    return {
      refusal: refuse(
        "manifest-invalid",
        `The manifest has not the right form: ${z.prettifyError(parsed.error)}`,
      ),
    };
  }
  const manifest = parsed.data;
  const id = snapshotId(manifest.lineage);
  if (manifest.id !== id) {
    return {
      refusal: refuse(
        "manifest-invalid",
        `The manifest calls itself ${manifest.id}, but its lineage is ${id}.`,
      ),
    };
  }
  return { manifest };
}

/** The manifest in a snapshot's directory; without a readable one a `state-damaged` or `snapshot-missing` error. */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, manifestName);
  const result = parseManifest(await readJson(path));
  if ("manifest" in result) return result.manifest;
  throw new KnownError("state-damaged", `${path}: ${result.refusal.sentence}`, { path });
}

/** Writes the manifest into a snapshot's directory, mode 0600. */
export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  await writeFileDurably(join(dir, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, 0o600);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readSmall(path));
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      throw new KnownError("snapshot-missing", `There is no manifest ${path}.`, { path }, error);
    }
    throw new KnownError("state-damaged", `${path} cannot be read as JSON.`, { path }, error);
  }
}

async function readSmall(path: string): Promise<string> {
  const handle = await openSingle(path);
  try {
    const { size } = await handle.stat();
    if (size > sizeLimit) throw new Error(`it has ${size} bytes`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
