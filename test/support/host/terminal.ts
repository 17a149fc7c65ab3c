import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Host, readLog, run } from "./host.js";
import { patience } from "./pair.js";
import { waitFor } from "./wait.js";

/** An operator at a terminal of a host, see terminal.py. */
export type Terminal = {
  /** All that was shown so far, as a terminal gets it. */
  said(): string;
  /** Waits until this was shown. */
  says(words: string): Promise<unknown>;
  answerYes(): void;
  /** As the key: the terminal makes SIGINT of it, for whatever runs there. */
  pressCtrlC(): void;
  /** The exit code; 128 and the signal where one ended it. */
  readonly ended: Promise<number | null>;
};

/** Calls the host's `proxysql-carp` on a terminal. */
export function openTerminal(host: Host, args: readonly string[]): Terminal {
  rmSync(join(host.places.logs, "terminal.log"), { force: true });
  const { node, app, config } = host.places;
  const terminal = ["python3", `${app}/test/support/host/terminal.py`];
  const program = [node, `${app}/dist/cli.js`, "--config", config, ...args];
  const child = run(host, "terminal", ["/usr/bin/env", "TERM=xterm", ...terminal, ...program]);
  const said = (): string => readLog(host, "terminal");
  return {
    said,
    says: (words) => waitFor(`the terminal says "${words}"`, () => said().includes(words), patience, 20),
    answerYes: () => void child.kill("SIGUSR2"),
    pressCtrlC: () => void child.kill("SIGUSR1"),
    ended: once(child, "exit").then(() => child.exitCode),
  };
}
