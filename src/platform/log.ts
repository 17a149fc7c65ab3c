import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Field names whose values never reach a log, at any depth we log. */
const secretFields = ["password", "admin_password", "key", "private_key", "token"];

/**
 * The agent's log: JSON lines on stdout, which daemon(8) hands to syslog. WARN and ERROR are a fixed sentence plus
 * fields, so that they can be matched by monitoring; DEBUG and INFO may be written freely.
 */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: "(hidden)" },
  };
  return pino(options, destination ?? pino.destination({ fd: 1, sync: true }));
}
