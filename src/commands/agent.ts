import { startAgent } from "../agent/agent.js";
import { loadConfig } from "../config/load.js";
import { isKnown } from "../platform/errors.js";
import { createLogger } from "../platform/log.js";

/**
 * `agent`: runs in the foreground until SIGTERM or SIGINT. SIGHUP reads the configuration again: a good one replaces the
 * running agent's parts, a bad one is refused and the old one stays.
 */
export async function runAgent(configFile: string): Promise<number> {
  let config = loadConfig(configFile);
  let log = createLogger(config.log.level);
  let agent = await startAgent(config, log);
  for (;;) {
    const signal = await nextSignal(["SIGTERM", "SIGINT", "SIGHUP"]);
    if (signal !== "SIGHUP") break;
    try {
      config = loadConfig(configFile);
    } catch (error) {
      if (!isKnown(error)) throw error;
      log.error(
        { file: configFile, error: error.message },
        "the configuration is bad: the old one stays in force",
      );
      continue;
    }
    await agent.stop();
    log = createLogger(config.log.level);
    log.info(`configuration ${configFile} read again`);
    agent = await startAgent(config, log);
  }
  await agent.stop();
  return 0;
}

function nextSignal(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const take = (signal: NodeJS.Signals): void => {
      for (const name of signals) process.removeListener(name, take);
      resolve(signal);
    };
    for (const name of signals) process.once(name, take);
  });
}
