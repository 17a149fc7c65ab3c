/** One `notify` block of devd.conf(5). */
export type NotifyBlock = {
  readonly priority: number;
  /** The line its `notify` stands on, for messages. */
  readonly line: number;
  readonly matches: ReadonlyArray<{ readonly variable: string; readonly pattern: string }>;
  readonly actions: readonly string[];
};

type Token = { kind: "string" | "number" | "word" | "punctuation"; text: string; line: number };

/** As the real one: a syntax error in any file keeps the whole devd from starting. */
export class DevdSyntaxError extends Error {
  constructor(file: string, line: number, detail: string) {
    super(`Cannot parse ${file} at line ${line}: ${detail}`);
    this.name = "DevdSyntaxError";
  }
}

const blank = /^[ \t\n]+/;
const comment = /^(?:#[^\n]*|\/\/[^\n]*|\/\*(?:[^*]|\*+[^*/])*\*+\/)/;
/** No escape exists, and an empty string is an error. */
const text = /^"([^"]+)"/;
const number = /^[0-9]+/;
const word = /^[A-Za-z][A-Za-z0-9_-]*/;
const punctuation = /^[{};]/;

/**
 * Parses devd.conf(5) as FreeBSD's sbin/devd/{token.l,parse.y} do, as far as `notify` goes; other statements,
 * which the project's files do not have, are refused.
 *
 * @throws DevdSyntaxError with file and line
 */
export function parseDevdConfig(source: string, file: string): NotifyBlock[] {
  const tokens = tokenize(source, file);
  const blocks: NotifyBlock[] = [];
  let at = 0;

  function take(kind: Token["kind"], expected: string, exact?: string): Token {
    const token = tokens[at];
    if (token === undefined) {
      throw new DevdSyntaxError(file, source.split("\n").length, `expected ${expected}, found the end`);
    }
    if (token.kind !== kind || (exact !== undefined && token.text !== exact)) {
      throw new DevdSyntaxError(file, token.line, `expected ${expected}, found ${token.text}`);
    }
    at += 1;
    return token;
  }

  while (at < tokens.length) {
    const start = take("word", "notify", "notify");
    const priority = Number(take("number", "a priority").text);
    take("punctuation", "{", "{");
    const matches: Array<{ variable: string; pattern: string }> = [];
    const actions: string[] = [];
    do {
      const statement = take("word", "match or action");
      if (statement.text === "match") {
        matches.push({ variable: take("string", "a string").text, pattern: take("string", "a string").text });
      } else if (statement.text === "action") {
        actions.push(take("string", "a string").text);
      } else {
        throw new DevdSyntaxError(file, statement.line, `expected match or action, found ${statement.text}`);
      }
      take("punctuation", ";", ";");
    } while (tokens[at]?.text !== "}" || tokens[at]?.kind !== "punctuation");
    take("punctuation", "}", "}");
    take("punctuation", ";", ";");
    blocks.push({ priority, line: start.line, matches, actions });
  }
  if (blocks.length === 0) {
    throw new DevdSyntaxError(file, 1, "expected notify, found the end");
  }
  return blocks;
}

function tokenize(source: string, file: string): Token[] {
  const tokens: Token[] = [];
  let rest = source;
  let line = 1;
  while (rest !== "") {
    const skipped = blank.exec(rest)?.[0] ?? comment.exec(rest)?.[0];
    if (skipped !== undefined) {
      line += newlines(skipped);
      rest = rest.slice(skipped.length);
      continue;
    }
    const [kind, found] = nextToken(rest);
    if (kind === undefined || found === undefined) {
      throw new DevdSyntaxError(file, line, `unexpected ${rest.split(/\s/, 1)[0]}`);
    }
    tokens.push({ kind, text: kind === "string" ? fold(found.slice(1, -1)) : found, line });
    line += newlines(found);
    rest = rest.slice(found.length);
  }
  return tokens;
}

function nextToken(rest: string): [Token["kind"], string] | [undefined, undefined] {
  const rules: Array<[Token["kind"], RegExp]> = [
    ["string", text],
    ["number", number],
    ["word", word],
    ["punctuation", punctuation],
  ];
  for (const [kind, rule] of rules) {
    const found = rule.exec(rest)?.[0];
    if (found !== undefined) {
      return [kind, found];
    }
  }
  return [undefined, undefined];
}

/** A backslash at the end of a line joins it with the next one, without its indentation. */
function fold(value: string): string {
  return value.replace(/\\\n\s*/g, "");
}

function newlines(value: string): number {
  return value.split("\n").length - 1;
}
