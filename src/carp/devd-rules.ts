/** One `notify` block of devd.conf(5). */
export interface NotifyRule {
  readonly file: string;
  /** The line its `notify` stands on. */
  readonly line: number;
  readonly priority: number;
  readonly matches: readonly { readonly variable: string; readonly pattern: string }[];
  readonly actions: readonly string[];
}

/** What one of devd's files says, as far as events of the kind `notify` are concerned. */
export interface DevdFile {
  readonly rules: readonly NotifyRule[];
  /** More directories of files, in order. */
  readonly directories: readonly string[];
  /** `set` variables, which patterns may use. */
  readonly variables: ReadonlyMap<string, string>;
}

/** devd does not start at all with such a file. */
export class DevdSyntaxError extends Error {
  readonly file: string;
  readonly line: number;

  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`);
    this.name = "DevdSyntaxError";
    this.file = file;
    this.line = line;
  }
}

interface Token {
  readonly kind: "string" | "number" | "word" | "sign";
  readonly text: string;
  readonly line: number;
}

/** After sbin/devd/token.l: no escape in strings, and no empty string. */
const lexicon = [
  ["string", /"([^"]+)"/y],
  ["number", /([0-9]+)/y],
  ["word", /([A-Za-z][A-Za-z0-9_-]*)/y],
  ["sign", /([{};])/y],
] as const;
const between = /(?:[ \t\r\n]+|#[^\n]*|\/\/[^\n]*|\/\*(?:[^*]|\*+[^*/])*\*+\/)+/y;
const blockWords = new Set(["notify", "attach", "detach", "nomatch"]);

/** Reads one file of devd's (sbin/devd/{token.l,parse.y}). Throws `DevdSyntaxError` with its line. */
export function parseDevdFile(text: string, file: string): DevdFile {
  const tokens = tokenize(text);
  const rules: NotifyRule[] = [];
  const directories: string[] = [];
  const variables = new Map<string, string>();
  let at = 0;

  function take(kind: Token["kind"], exact?: string): Token {
    const token = tokens[at];
    if (token === undefined || token.kind !== kind || (exact !== undefined && token.text !== exact)) {
      const line = token?.line ?? tokens.at(-1)?.line ?? 1;
      const found = token === undefined ? "the end" : `"${token.text}"`;
      throw new DevdSyntaxError(file, line, `expected ${exact ?? `a ${kind}`}, found ${found}`);
    }
    at += 1;
    return token;
  }

  /** Calls `statement` with each word that begins one, until the block's end. */
  function block(statement: (word: Token) => void): void {
    take("sign", "{");
    while (tokens[at]?.text !== "}" || tokens[at]?.kind !== "sign") {
      statement(take("word"));
      take("sign", ";");
    }
    take("sign", "}");
    take("sign", ";");
  }

  function options(word: Token): void {
    if (word.text === "directory") directories.push(take("string").text);
    else if (word.text === "pid-file") take("string");
    else if (word.text === "set") variables.set(take("word").text, take("string").text);
    else throw new DevdSyntaxError(file, word.line, `unexpected "${word.text}"`);
  }

  function rule(start: Token): void {
    const priority = Number(take("number").text);
    const matches: { variable: string; pattern: string }[] = [];
    const actions: string[] = [];
    block((word) => {
      if (word.text === "match") {
        matches.push({ variable: take("string").text, pattern: take("string").text });
      } else if (["device-name", "media-type", "class", "subdevice"].includes(word.text)) {
        matches.push({ variable: word.text, pattern: take("string").text });
      } else if (word.text === "action") actions.push(take("string").text);
      else throw new DevdSyntaxError(file, word.line, `unexpected "${word.text}"`);
    });
    // A block without anything in it is no rule (parse.y gives NULL for it).
    if (start.text === "notify" && matches.length + actions.length > 0)
      rules.push({ file, line: start.line, priority, matches, actions });
  }

  while (at < tokens.length) {
    const word = take("word");
    if (word.text === "options") block(options);
    else if (blockWords.has(word.text)) rule(word);
    else throw new DevdSyntaxError(file, word.line, `unexpected "${word.text}"`);
  }
  return { rules, directories, variables };
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const pass = (passed: string): void => {
    at += passed.length;
    line += passed.split("\n").length - 1;
  };
  while (at < text.length) {
    between.lastIndex = at;
    const skipped = between.exec(text)?.[0];
    if (skipped !== undefined) {
      pass(skipped);
      continue;
    }
    const found = nextToken(text, at);
    // What no rule of the scanner fits is echoed and left out; the parser then misses it, or not (flex's default rule).
    if (found === undefined) {
      pass(text.charAt(at));
      continue;
    }
    const [kind, value, whole] = found;
    tokens.push({ kind, text: kind === "string" ? fold(value) : value, line });
    pass(whole);
  }
  return tokens;
}

function nextToken(text: string, at: number): [Token["kind"], string, string] | undefined {
  for (const [kind, pattern] of lexicon) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return [kind, match[1] ?? "", match[0]];
  }
  return undefined;
}

/** A backslash at the end of a line joins it with the next one, without that one's indentation. */
function fold(value: string): string {
  return value.replace(/\\\n\s*/g, "");
}
