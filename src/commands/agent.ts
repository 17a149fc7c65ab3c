import { startAgent } from "../agent/agent.js";
import { loadAgentConfig } from "../agent/agent-config.js";
import { isKnown } from "../platform/errors.js";
import { createLogger } from "../platform/log.js";
import { SignalQueue } from "../platform/signals.js";

/**
 * `agent`: runs in the foreground until SIGTERM or SIGINT. SIGHUP reads the configuration again: a good one replaces the
 * running agent's parts, a bad one is refused and the old one stays.
 */
export async function runAgent(configFile: string): Promise<number> {
  // From the first moment on: a signal during a start or a reload waits until that is through.
  const signals = new SignalQueue(["SIGTERM", "SIGINT", "SIGHUP"]);
  try {
    return await runUntilEnded(configFile, signals);
  } finally {
    signals.close();
  }
}

async function runUntilEnded(configFile: string, signals: SignalQueue): Promise<number> {
  let config = loadAgentConfig(configFile);
  let log = createLogger(config.log.level);
  let agent = await startAgent(config, log);
  while ((await signals.next()) === "SIGHUP") {
    try {
      config = loadAgentConfig(configFile);
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
