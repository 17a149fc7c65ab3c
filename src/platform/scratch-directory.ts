import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeForeign } from "./plain-file.js";

const endings: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Lends a new directory that only this user can enter, and removes it with all in it, also when a signal or
 * process.exit() ends the process: what commands unpack there has passwords in it.
 */
export async function withScratch<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "proxysql-carp-"));
  const onSignal = (signal: NodeJS.Signals): void => {
    rmSync(dir, { recursive: true, force: true });
    for (const one of endings) process.removeListener(one, onSignal);
    process.kill(process.pid, signal);
  };
  // Whoever ends the process while the work goes on, because it hangs, leaves nothing either.
  const onExit = (): void => rmSync(dir, { recursive: true, force: true });
  for (const signal of endings) process.on(signal, onSignal);
  process.on("exit", onExit);
  try {
    return await work(dir);
  } finally {
    for (const signal of endings) process.removeListener(signal, onSignal);
    process.removeListener("exit", onExit);
    await removeForeign(dir);
  }
}
