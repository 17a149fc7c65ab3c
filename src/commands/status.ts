import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { isKnown, type KnownError } from "../platform/errors.js";
import { askStatus } from "./ask-status.js";
import { colours } from "./colour.js";
import { formatStatus } from "./format-status.js";
import type { WithoutAgent } from "./no-agent.js";
import { printedSizeOf } from "./terminal-screen.js";
import type { Look } from "./watch.js";

/** An answer that has not come until the next look is due would only delay it. */
const watchDeadlineMs = 2_000;

/**
 * `status`: what this node is and holds, as one screen of text or as one JSON document. Without an agent what can be told
 * all the same, and exit code 3. `watch`: again every second, until it is interrupted.
 */
export async function showStatus(
  configFile: string,
  options: { json?: boolean; watch?: boolean },
): Promise<number> {
  const config = loadConfig(configFile);
  const { stdout, stderr } = process;
  if (options.watch) {
    const { watch } = await import("./watch.js");
    return watch(stdout, lookAgain(config), options.json === true);
  }
  const { document, page, error } = await look(config, new Fallback(config));
  stdout.write(
    options.json ? `${JSON.stringify(document, null, 2)}\n` : page(printedSizeOf(stdout), colours(stdout)),
  );
  if (error === undefined) return 0;
  // A page on the terminal says so already.
  if (options.json || !stdout.isTTY) stderr.write(`proxysql-carp: ${error.message}\n${error.hint}\n`);
  return error.exitCode;
}

/** Whoever watches sees the agent go and come back, as another version too. */
function lookAgain(config: Config): () => Promise<Look> {
  const fallback = new Fallback(config);
  return async () => {
    try {
      return await look(config, fallback, watchDeadlineMs);
    } catch (error) {
      if (!isKnown(error)) throw error;
      return fallback.look(error);
    }
  };
}

/** The agent's status, or what there is without an agent that answers. */
async function look(config: Config, fallback: Fallback, ms?: number): Promise<Look & { error?: KnownError }> {
  try {
    const document = await askStatus(config, ms);
    return { document, page: (size, marks) => formatStatus(document, size, marks) };
  } catch (error) {
    if (!isKnown(error, "agent-unreachable")) throw error;
    return { ...(await fallback.look(error)), error };
  }
}

/** What is seen without an agent. What it takes to look for that is loaded only then: it takes longer than the rest. */
class Fallback {
  readonly #config: Config;
  #without: WithoutAgent | undefined;

  constructor(config: Config) {
    this.#config = config;
  }

  async look(error: KnownError): Promise<Look> {
    const [{ WithoutAgent }, { formatNoAgent }] = await Promise.all([
      import("./no-agent.js"),
      import("./format-no-agent.js"),
    ]);
    this.#without ??= new WithoutAgent(this.#config);
    const document = await this.#without.look(error);
    return { document, page: (size, marks) => formatNoAgent(document, size, marks) };
  }
}
