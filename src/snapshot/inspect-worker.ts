import { diffFiles } from "./diff-rows.js";
import type { ConfigurationDiff, DiffOptions } from "./difference.js";
import { type Contents, contentsOf, readingFailed, type Soundness, soundnessOf } from "./inspect-file.js";

/** The two halves of a look into a database, each in a process of its own. */
export type InspectionPart = "soundness" | "contents";

/** What such a process answers. */
export type PartAnswer<T> = T | { readonly failed: string };

/**
 * The process of `inspectDatabase` and `diffDatabases`: what to do and with which files in, one JSON document out. What
 * SQLite throws is an answer too.
 */
function answer(
  part: string | undefined,
  file: string,
  other: string,
  options: string,
): PartAnswer<Soundness | Contents | ConfigurationDiff> {
  if (part === "soundness") return soundnessOf(file, true);
  try {
    if (part === "diff") return diffFiles(file, other, JSON.parse(options) as DiffOptions);
    return contentsOf(file, true);
  } catch (error) {
    return { failed: readingFailed(error) };
  }
}

const [part, file = "", other = "", options = "{}"] = process.argv.slice(2);
process.stdout.write(JSON.stringify(answer(part, file, other, options)));
