import type { EffectiveValue } from "../config/effective.js";
import { printable } from "../platform/printable.js";

/** The document of `config show --json`. Described in docs/json.md. */
export interface ConfigDocument {
  readonly schema: "proxysql-carp/config/v1";
  readonly file: {
    readonly path: string;
    readonly namedBy: "--config" | "PROXYSQL_CARP_CONFIG" | "default";
  };
  readonly values: readonly EffectiveValue[];
}

/** Where the remark on a value begins, if the value leaves room for it: 80 columns are enough for most. */
const remarkColumn = 52;

/** The configuration in force as TOML, each value with a remark that says where it is from. */
export function formatConfig({ file, values }: ConfigDocument): string {
  const named = file.namedBy === "default" ? "the default file" : `named by ${file.namedBy}`;
  const lines = [`# ${printable(file.path)}, ${named}`];
  let table = "";
  for (const value of values) {
    const header = value.index === null ? `[${value.table}]` : `[[${value.table}]]`;
    if (table !== `${header}${value.index}`)
      lines.push("", isOff(values, value.table) ? `# ${header}` : header);
    table = `${header}${value.index}`;
    lines.push(...written(value));
  }
  return `${lines.join("\n")}\n`;
}

/** True for a table without any value: one that need not be there, and is not. */
function isOff(values: readonly EffectiveValue[], table: string): boolean {
  return values.every((one) => one.table !== table || one.from === "nowhere");
}

function written({ key, value, from, line }: EffectiveValue): string[] {
  if (from === "nowhere") return [`# ${key}: not set`];
  const remark = from === "default" ? "# default" : line === null ? "# file" : `# line ${line}`;
  const text = `${key} = ${toml(value)}`;
  if (!Array.isArray(value) || text.length < remarkColumn) return [`${text.padEnd(remarkColumn)} ${remark}`];
  const entries = value.map((one) => `  ${toml(one)},`);
  return [`${`${key} = [`.padEnd(remarkColumn)} ${remark}`, ...entries, "]"];
}

/** A value in TOML, on one line that no terminal obeys: TOML's basic strings have JSON's escapes, and need some more. */
function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([name, one]) => `${toml(name)} = ${toml(one)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`;
  });
}
