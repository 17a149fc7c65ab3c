import { runProgram } from "../platform/exec.js";

/** An rc script that has not returned after this long hangs. */
const serviceDeadlineMs = 30_000;

/**
 * Runs `service NAME VERB`. The exit code is returned, not believed: rc scripts exit 0 for services that do not come
 * up, and 1 for what is already as asked. The caller looks at ProxySQL itself.
 * `signal` ends a hanging script with `not-done`.
 */
export async function runService(
  name: string,
  verb: "onestart" | "onestop",
  signal?: AbortSignal,
): Promise<{ code: number | undefined; output: string }> {
  const { code, stdout, stderr } = await runProgram("service", [name, verb], serviceDeadlineMs, signal);
  return { code, output: `${stdout}${stderr}`.trim().slice(0, 2_000) };
}
