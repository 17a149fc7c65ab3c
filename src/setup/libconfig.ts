/** What ProxySQL's configuration file may hold: libconfig's scalars, groups, and lists or arrays. */
export type LibconfigValue = string | number | boolean | LibconfigGroup | readonly LibconfigValue[];
export interface LibconfigGroup {
  readonly [name: string]: LibconfigValue;
}

/** A configuration file of ProxySQL that cannot be read as one. Nothing of its text is in the message: it has passwords. */
export class LibconfigError extends Error {
  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
    this.name = "LibconfigError";
  }
}

interface Token {
  readonly kind: "string" | "name" | "scalar" | "sign";
  readonly text: string;
  readonly line: number;
}

const between = /(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/|@include[^\n]*)+/y;
const stringToken = /"((?:[^"\\]|\\[\s\S])*)"/y;
const nameToken = /[A-Za-z*][-A-Za-z0-9_*]*/y;
const scalarToken = /[-+]?(?:0[xX][0-9A-Fa-f]+L{0,2}|[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?L{0,2})/y;
const signToken = /[=:;,{}()[\]]/y;

/**
 * Reads a file in libconfig's format (its manual, "Configuration Files"), which is what proxysql.cfg is. Files that it
 * includes are not read. Throws `LibconfigError`.
 */
export function parseLibconfig(text: string): LibconfigGroup {
  const tokens = tokenize(text);
  let at = 0;
  const peek = (sign: string): boolean => tokens[at]?.kind === "sign" && tokens[at]?.text === sign;
  const fail = (expected: string): never => {
    throw new LibconfigError(tokens[at]?.line ?? tokens.at(-1)?.line ?? 1, `expected ${expected}`);
  };

  function group(isEnd: () => boolean): LibconfigGroup {
    const found: Record<string, LibconfigValue> = Object.create(null) as Record<string, LibconfigValue>;
    while (!isEnd()) {
      const name = tokens[at];
      if (name?.kind !== "name") return fail("a setting's name");
      at += 1;
      if (!peek("=") && !peek(":")) return fail("= behind a setting's name");
      at += 1;
      found[name.text] = value();
      // libconfig lets them end with one of these or nothing.
      while (peek(";") || peek(",")) at += 1;
    }
    return found;
  }

  function list(end: string): LibconfigValue[] {
    const found: LibconfigValue[] = [];
    while (!peek(end)) {
      found.push(value());
      if (peek(",")) at += 1;
      else if (!peek(end)) return fail(`, or ${end}`);
    }
    at += 1;
    return found;
  }

  function value(): LibconfigValue {
    const token = tokens[at];
    if (token === undefined) return fail("a value");
    at += 1;
    if (token.kind === "string") {
      let whole = token.text;
      // Strings side by side are one.
      for (; tokens[at]?.kind === "string"; at += 1) whole += tokens[at]?.text ?? "";
      return whole;
    }
    if (token.kind === "scalar") return Number(token.text.replace(/L+$/, ""));
    if (token.kind === "name" && /^(true|false)$/i.test(token.text))
      return token.text.toLowerCase() === "true";
    if (token.text === "(") return list(")");
    if (token.text === "[") return list("]");
    if (token.kind === "sign" && token.text === "{") {
      const inside = group(() => peek("}") || at >= tokens.length);
      if (!peek("}")) return fail("}");
      at += 1;
      return inside;
    }
    at -= 1;
    return fail("a value");
  }

  return group(() => at >= tokens.length);
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at += match[0].length;
    return match;
  };
  while (at < text.length) {
    const start = line;
    const skipped = read(between);
    if (skipped) {
      line += linesIn(skipped[0]);
      continue;
    }
    const quoted = read(stringToken);
    if (quoted) {
      tokens.push({ kind: "string", text: withoutEscapes(quoted[1] ?? ""), line: start });
      line += linesIn(quoted[0]);
      continue;
    }
    const name = read(nameToken);
    const scalar = name ? null : read(scalarToken);
    const sign = (name ?? scalar) ? null : read(signToken);
    if (name) tokens.push({ kind: "name", text: name[0], line });
    else if (scalar) tokens.push({ kind: "scalar", text: scalar[0], line });
    else if (sign) tokens.push({ kind: "sign", text: sign[0], line });
    else throw new LibconfigError(line, "a character that has no meaning here");
  }
  return tokens;
}

function linesIn(text: string): number {
  return text.split("\n").length - 1;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f" };

function withoutEscapes(text: string): string {
  return text.replace(/\\(x[0-9A-Fa-f]{2}|[\s\S])/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (escapes[code] ?? code),
  );
}
