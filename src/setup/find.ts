import { hostname } from "node:os";
import { type CarpLine, parseIfconfig } from "../carp/ifconfig.js";
import { parseConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { isKnown, sentenceOf } from "../platform/errors.js";
import { runProgram } from "../platform/exec.js";
import { exists } from "../platform/files.js";
import { findProxysql } from "./find-proxysql.js";
import { below, places } from "./places.js";
import { readTextIfThere } from "./read.js";
import { type Found, nodeNameOf } from "./settings.js";

const ifconfigDeadlineMs = 5_000;

/** Looks at the host, or at what is below a scratch root; changes nothing. */
export async function findOut(
  root: string,
  configFile: string,
  proxysqlConfig: string | undefined,
): Promise<Found> {
  const carp = await findCarp();
  return {
    node: nodeNameOf(hostname()),
    carp: carp.lines,
    carpProblem: carp.problem,
    proxysql: await findProxysql(root, proxysqlConfig),
    existing: await findConfig(below(root, configFile)),
    passwordIsThere: await exists(below(root, places.password)),
  };
}

async function findCarp(): Promise<{ lines: CarpLine[]; problem: string | null }> {
  try {
    const { code, stdout, stderr } = await runProgram("ifconfig", [], ifconfigDeadlineMs);
    if (code === 0) return { lines: parseIfconfig(stdout), problem: null };
    return { lines: [], problem: `ifconfig ended with ${code ?? "a signal"}: ${stderr.trim()}` };
  } catch (error) {
    if (!isKnown(error)) throw error;
    return { lines: [], problem: error.message };
  }
}

/** One that is there and not good counts as none here: putting another in its place is refused later, by its name. */
async function findConfig(path: string): Promise<Config | null> {
  const text = await readTextIfThere(path).catch((error: unknown) => {
    if (sentenceOf(error).startsWith("EISDIR")) return undefined;
    throw error;
  });
  if (text === undefined) return null;
  try {
    return parseConfig(text, path);
  } catch (error) {
    if (isKnown(error, "config-invalid")) return null;
    throw error;
  }
}
