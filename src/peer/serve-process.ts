import { type ServeOptions, serve } from "./serve.js";

/**
 * Serves over this process's stdin and stdout until they end or a signal asks it to; for the forced command in
 * authorized_keys. Nothing else may ever be written to stdout.
 */
export async function serveProcess(
  options: Omit<ServeOptions, "input" | "output" | "signal">,
): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(name, stop);
  await serve({
    complain: (sentence) => void process.stderr.write(`${sentence}\n`),
    ...options,
    input: process.stdin,
    output: process.stdout,
    signal: stopping.signal,
  });
}
