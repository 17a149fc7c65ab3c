import type { NotifyBlock } from "./devd-config.js";

/** The variables that one event sets, `*` and `_` included. */
export type EventVariables = ReadonlyMap<string, string>;

/**
 * Reads a line as the kernel writes it, `!system=CARP subsystem=9@em0 type=MASTER`. Only the notify lead `!` is
 * known; other lines (`+`, `-`, `?`) are no notifications and give undefined.
 */
export function parseEvent(line: string, now: Date = new Date()): EventVariables | undefined {
  if (!line.startsWith("!")) {
    return undefined;
  }
  const variables = new Map<string, string>([
    ["*", line],
    ["_", line.slice(1)],
    ["timestamp", (now.getTime() / 1000).toFixed(6)],
  ]);
  for (const [, name, quoted, plain] of line.slice(1).matchAll(/([^\s=]+)=(?:"([^"]*)"|(\S*))/g)) {
    variables.set(name ?? "", quoted ?? plain ?? "");
  }
  return variables;
}

/**
 * The block that devd runs: of the highest priority, at equal priority the one parsed first. Only this one runs,
 * also if it has no action.
 */
export function chooseBlock(
  blocks: readonly NotifyBlock[],
  variables: EventVariables,
): NotifyBlock | undefined {
  const byPriority = [...blocks].sort((one, other) => other.priority - one.priority);
  return byPriority.find((block) => block.matches.every((match) => matches(match, variables)));
}

/**
 * Whether one `match` line holds: an extended regular expression, case-insensitive, put between ^ and $ without
 * parentheses, inverted by a leading `!`. An unset variable is an empty string. What does not compile never
 * matches (inverted: always), because devd does not look at regcomp's result.
 */
export function matches(
  match: { readonly variable: string; readonly pattern: string },
  variables: EventVariables,
): boolean {
  const inverted = match.pattern.startsWith("!");
  const pattern = expand(inverted ? match.pattern.slice(1) : match.pattern, new Map(), (value) => value);
  const expression = compile(`^${pattern}$`);
  const found = expression?.test(variables.get(match.variable) ?? "") ?? false;
  return found !== inverted;
}

/** The shell command of an action: every variable quoted as `$'value'`, so never injectable. */
export function expandAction(action: string, variables: EventVariables): string {
  return expand(action, variables, (value) => `$'${value.replace(/[\\']/g, "\\$&")}'`);
}

function expand(source: string, variables: EventVariables, quote: (value: string) => string): string {
  let result = "";
  let at = 0;
  while (at < source.length) {
    if (source[at] !== "$") {
      result += source[at];
      at += 1;
      continue;
    }
    const rest = source.slice(at + 1);
    const name = /^[A-Za-z_*-][A-Za-z0-9_-]*/.exec(rest)?.[0];
    if (name !== undefined) {
      result += quote(variables.get(name) ?? "");
      at += 1 + name.length;
      continue;
    }
    const copied = rest.startsWith("(") ? substitution(rest) : rest.slice(0, 1);
    result += copied === "$" ? "$" : `$${copied}`;
    at += 1 + copied.length;
  }
  return result;
}

/** `$(command)` goes to the shell as it is, up to the parenthesis that closes it. */
function substitution(rest: string): string {
  let depth = 0;
  for (let at = 0; at < rest.length; at += 1) {
    depth += rest[at] === "(" ? 1 : rest[at] === ")" ? -1 : 0;
    if (depth === 0) {
      return rest.slice(0, at + 1);
    }
  }
  return rest;
}

/** What POSIX and JavaScript write alike, plus character classes such as `[[:digit:]]`. */
function compile(pattern: string): RegExp | undefined {
  const classes: Record<string, string> = {
    alpha: "A-Za-z",
    digit: "0-9",
    alnum: "A-Za-z0-9",
    upper: "A-Z",
    lower: "a-z",
    space: "\\s",
    punct: "!-\\/:-@\\[-`{-~",
  };
  const translated = pattern.replace(/\[:([a-z]+):\]/g, (whole, name: string) => classes[name] ?? whole);
  try {
    return new RegExp(translated, "is");
  } catch {
    return undefined;
  }
}
