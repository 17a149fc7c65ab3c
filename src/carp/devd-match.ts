import type { NotifyRule } from "./devd-rules.js";

/** The variables of an event, as devd has them from the kernel's line. */
export type DevdEvent = Readonly<Record<string, string>>;

/** True if devd would take this rule for the event: all its `match` lines hold. */
export function ruleMatches(
  rule: NotifyRule,
  event: DevdEvent,
  variables: ReadonlyMap<string, string>,
): boolean {
  return rule.matches.every(({ variable, pattern }) =>
    lineMatches(event[variable] ?? "", pattern, event, variables),
  );
}

/**
 * One `match` line, as devd.cc's match::do_match: a leading `!` inverts, variables in the pattern are expanded, the rest
 * is an extended regular expression, anchored by `^` and `$` without parentheses, blind to case. Whether it compiles is
 * not looked at: a bad one matches nothing.
 */
function lineMatches(
  value: string,
  pattern: string,
  event: DevdEvent,
  variables: ReadonlyMap<string, string>,
): boolean {
  const inverted = pattern.startsWith("!");
  const expanded = expand(inverted ? pattern.slice(1) : pattern, event, variables);
  const matches = compile(`^${expanded}$`)?.test(value) ?? false;
  return matches !== inverted;
}

function expand(pattern: string, event: DevdEvent, variables: ReadonlyMap<string, string>): string {
  return pattern.replaceAll(
    /\$([A-Za-z_*-][A-Za-z0-9_-]*)/g,
    (_, name: string) => event[name] ?? variables.get(name) ?? "",
  );
}

/** POSIX classes in bracket expressions, by their content for JavaScript in ASCII, which is devd's locale. */
const classes: Readonly<Record<string, string>> = {
  alnum: "A-Za-z0-9",
  alpha: "A-Za-z",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\s",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
};

/** A POSIX extended regular expression as one of JavaScript's, or undefined if it is none. */
function compile(pattern: string): RegExp | undefined {
  let source = "";
  for (let at = 0; at < pattern.length; ) {
    const bracket = pattern[at] === "[" ? readBracket(pattern, at) : undefined;
    if (bracket !== undefined) {
      source += bracket.source;
      at = bracket.end;
    } else if (pattern[at] === "\\") {
      // POSIX has no \d and the like: an escaped letter is that letter.
      const next = pattern[at + 1] ?? "";
      source += /[A-Za-z0-9]/.test(next) ? next : `\\${next}`;
      at += 2;
    } else {
      source += pattern[at];
      at += 1;
    }
  }
  try {
    return new RegExp(source, "i");
  } catch {
    return undefined;
  }
}

/** In a bracket expression a backslash is itself, and `]` in first place too. */
function readBracket(pattern: string, start: number): { source: string; end: number } | undefined {
  let at = start + 1;
  const negated = pattern[at] === "^";
  if (negated) at += 1;
  let inside = "";
  for (let first = true; at < pattern.length; first = false) {
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at));
    if (named) {
      inside += classes[named[1] ?? ""] ?? "";
      at += named[0].length;
      continue;
    }
    const character = pattern[at] ?? "";
    at += 1;
    if (character === "]" && !first) return { source: `[${negated ? "^" : ""}${inside}]`, end: at };
    inside += /[\\\][^]/.test(character) ? `\\${character}` : character;
  }
  return undefined;
}
