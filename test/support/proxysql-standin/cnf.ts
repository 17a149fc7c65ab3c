/** A libconfig value as proxysql.cnf uses it: scalars, groups `{ a=1 }`, lists `( {...}, {...} )` and arrays `[ ]`. */
export type CnfValue = string | number | boolean | CnfGroup | CnfValue[];
/** A group of settings. */
export interface CnfGroup {
  [name: string]: CnfValue;
}

const TOKEN =
  /\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/|("(?:[^"\\]|\\.)*")|([A-Za-z*][\w*-]*)|(-?\d+(?:\.\d+)?L{0,2})|([={}()[\],;:])/gy;

/** Parses the libconfig subset of proxysql.cnf. Throws on a syntax error, where ProxySQL exits 1. */
export function parseCnf(text: string): CnfGroup {
  const tokens = tokenise(text);
  const group = parseSettings(tokens, undefined);
  if (tokens.length > 0) throw new Error(`syntax error at ${tokens[0]}`);
  return group;
}

/** A scalar setting as text, the way ProxySQL stores variables, or undefined when it is not there. */
export function cnfText(group: CnfGroup | undefined, name: string): string | undefined {
  const value = group?.[name];
  if (value === undefined || typeof value === "object") return undefined;
  return String(value);
}

/** A nested group such as `admin_variables`, or undefined. */
export function cnfGroup(group: CnfGroup, name: string): CnfGroup | undefined {
  const value = group[name];
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  return value;
}

/** The groups of a list such as `mysql_servers`, empty when it is not there. */
export function cnfList(group: CnfGroup, name: string): CnfGroup[] {
  const value = group[name];
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is CnfGroup => typeof item === "object" && !Array.isArray(item));
}

function tokenise(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`syntax error at character ${at}`);
    const token = match[1] ?? match[2] ?? match[3] ?? match[4];
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

function parseSettings(tokens: string[], end: string | undefined): CnfGroup {
  const group: CnfGroup = {};
  while (tokens.length > 0 && tokens[0] !== end) {
    const name = tokens.shift() ?? "";
    const separator = tokens.shift();
    if (separator !== "=" && separator !== ":") throw new Error(`syntax error after ${name}`);
    group[name] = parseValue(tokens);
    while (tokens[0] === ";" || tokens[0] === ",") tokens.shift();
  }
  if (end !== undefined && tokens.shift() !== end) throw new Error(`missing ${end}`);
  return group;
}

function parseValue(tokens: string[]): CnfValue {
  const token = tokens.shift();
  if (token === undefined) throw new Error("missing value");
  if (token === "{") return parseSettings(tokens, "}");
  if (token === "(") return parseItems(tokens, ")");
  if (token === "[") return parseItems(tokens, "]");
  if (token.startsWith('"')) return parseString(token, tokens);
  if (/^true$/i.test(token)) return true;
  if (/^false$/i.test(token)) return false;
  if (/^-?\d/.test(token)) return Number(token.replace(/L+$/, ""));
  throw new Error(`syntax error at ${token}`);
}

/** Adjacent strings are one string in libconfig. */
function parseString(first: string, tokens: string[]): string {
  let text = unquote(first);
  while (tokens[0]?.startsWith('"')) text += unquote(tokens.shift() ?? "");
  return text;
}

function unquote(token: string): string {
  return token
    .slice(1, -1)
    .replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char === "t" ? "\t" : char));
}

function parseItems(tokens: string[], end: string): CnfValue[] {
  const items: CnfValue[] = [];
  while (tokens.length > 0 && tokens[0] !== end) {
    items.push(parseValue(tokens));
    if (tokens[0] === ",") tokens.shift();
  }
  if (tokens.shift() !== end) throw new Error(`missing ${end}`);
  return items;
}
