import { runOperatorCommand } from "../platform/operator-command.js";
import { printable } from "../platform/printable.js";
import type { AlertEvent } from "./alerts.js";

/** The system bounds a variable's length. The JSON has the whole. */
const variableLimit = 4_000;

/**
 * Runs the operator's hook for one event, without a shell: JSON on stdin, the same in short in the environment. After
 * `ms` it is killed with all its children. Resolves with why it failed, undefined if it ended with 0; never rejects for
 * anything that the hook does. Its arguments may hold a token, so they are never told.
 */
export function runHook(
  command: readonly string[],
  event: AlertEvent,
  ms: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const input = { stdin: `${JSON.stringify(event)}\n`, env: environmentOf(event) };
  return runOperatorCommand(command, ms, signal, input);
}

/** What came from elsewhere goes in as one line; a zero byte would keep the hook from being started at all. */
function environmentOf({ event, node, role, reason }: AlertEvent): Record<string, string> {
  const { code, severity, group, about, sentence, since } = reason;
  const values = {
    EVENT: event,
    CODE: code,
    SEVERITY: severity,
    GROUP: group,
    ABOUT: about ?? "",
    SENTENCE: sentence,
    NODE: node,
    ROLE: role,
    SINCE: since,
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      `PROXYSQL_CARP_${name}`,
      printable(value).slice(0, variableLimit),
    ]),
  );
}
