import { loadAgentConfig } from "../agent/agent-config.js";
import { version } from "../agent/version.js";
import { makeChain } from "../doctor/chain.js";
import type { ConfigRead } from "../doctor/configuration.js";
import { doctorDocument, exitCodeOf } from "../doctor/document.js";
import { inOrder, type Line, runChain } from "../doctor/run.js";
import { wallClock } from "../platform/clock.js";
import { colours } from "./colour.js";
import { formatCounts, formatLine } from "./format-doctor.js";

/** So long a line waits for its turn; then it is told before one that hangs. */
const patienceMs = 1_500;

/**
 * `doctor`: looks at the whole chain from devd to the peer's disk, one by one, on this host as it is. Each line is told
 * as soon as it is known. Exit code 0: nothing fails; 1: something does; 3: only that an agent or peer does not answer;
 * 78: the configuration cannot be read.
 */
export async function runDoctor(configFile: string, options: { json?: boolean }): Promise<number> {
  const read = readConfig(configFile);
  const chain = makeChain({
    configFile,
    read,
    version,
    root: process.env.PROXYSQL_CARP_DEVD_ROOT ?? "",
    isFreebsd: process.platform === "freebsd",
    uid: process.geteuid?.() ?? 0,
  });
  try {
    const all = runChain(chain.checks);
    if (!options.json) await tell(all);
    const lines = await Promise.all(all);
    if (options.json) {
      const at = new Date(wallClock()).toISOString();
      const node = "config" in read ? read.config.node.name : null;
      process.stdout.write(`${JSON.stringify(doctorDocument({ at, node, version }, lines), null, 2)}\n`);
    } else {
      process.stdout.write(formatCounts(lines));
    }
    return exitCodeOf(lines);
  } finally {
    chain.close();
    // A look that hangs is told as late, and must not keep the process.
    setTimeout(() => process.exit(), 1_000).unref();
  }
}

async function tell(all: readonly Promise<Line>[]): Promise<void> {
  const paint = colours(process.stdout);
  for await (const line of inOrder(all, patienceMs)) process.stdout.write(formatLine(line, paint));
}

function readConfig(configFile: string): ConfigRead {
  try {
    return { config: loadAgentConfig(configFile) };
  } catch (error) {
    return { error };
  }
}
