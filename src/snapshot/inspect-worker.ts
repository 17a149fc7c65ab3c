import { type Contents, contentsOf, readingFailed, type Soundness, soundnessOf } from "./inspect-file.js";

/** The two halves of a look into a database, each in a process of its own. */
export type InspectionPart = "soundness" | "contents";

/** What such a process answers. */
export type PartAnswer<T> = T | { readonly failed: string };

/** The process of `inspectDatabase`: which half and of which file in, one JSON document out. */
function answer(part: string | undefined, file: string): PartAnswer<Soundness | Contents> {
  if (part === "soundness") return soundnessOf(file, true);
  try {
    return contentsOf(file, true);
  } catch (error) {
    return { failed: readingFailed(error) };
  }
}

const [part, file = ""] = process.argv.slice(2);
process.stdout.write(JSON.stringify(answer(part, file)));
