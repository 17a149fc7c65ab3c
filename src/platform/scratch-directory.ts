import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeForeign } from "./plain-file.js";

const endings: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Lends a new directory that only this user can enter, and removes it with all in it, also when a signal ends the
 * process: what commands unpack there has passwords in it.
 */
export async function withScratch<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "proxysql-carp-"));
  const onSignal = (signal: NodeJS.Signals): void => {
    rmSync(dir, { recursive: true, force: true });
    for (const one of endings) process.removeListener(one, onSignal);
    process.kill(process.pid, signal);
  };
  for (const signal of endings) process.on(signal, onSignal);
  try {
    return await work(dir);
  } finally {
    for (const signal of endings) process.removeListener(signal, onSignal);
    await removeForeign(dir);
  }
}
