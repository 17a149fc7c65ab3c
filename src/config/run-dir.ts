import { isAbsolute } from "node:path";
import { defaultRunDir, parseToml, readText } from "./file.js";

/**
 * `[node] run_dir` of a configuration file, for who is in a hurry and needs no more: the whole configuration takes longer to
 * load than a hook to do its work. What else is in the file is not looked at. `config-invalid` as `loadConfig` has it.
 */
export async function runDirOf(file: string): Promise<string> {
  const raw: unknown = parseToml(readText(file), file);
  const { node } = raw as { node?: unknown };
  const given =
    typeof node === "object" && node !== null ? (node as { run_dir?: unknown }).run_dir : undefined;
  if (given === undefined) return defaultRunDir;
  if (typeof given === "string" && isAbsolute(given)) return given;
  // It is wrong, and who checks all of it has the words for that.
  return (await import("./load.js")).loadConfig(file).node.run_dir;
}
