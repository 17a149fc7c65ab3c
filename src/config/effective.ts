import { parse } from "smol-toml";
import { configJsonSchema, type JsonSchema } from "./json-schema.js";
import { type KeyPath, lineOf } from "./locate.js";
import { isSecretKey } from "./secret-keys.js";

/** What stands in place of a secret. */
const notShown = "(not shown)";

/** One key of the configuration with the value that is in force, as the file would have it. */
export interface EffectiveValue {
  readonly table: string;
  /** Which one of a list of tables, such as `[[peer]]`, from 0; null for a single table. */
  readonly index: number | null;
  readonly key: string;
  /** Null if there is none: see `from`. A secret is `(not shown)`. */
  readonly value: unknown;
  /** `nowhere`: neither in the file, nor is there a default. */
  readonly from: "file" | "default" | "nowhere";
  /** In the file, counted from 1; null if it is not there, or written in a form that is not looked for. */
  readonly line: number | null;
}

/**
 * Every key's value and where it comes from, in the schema's order, for a text that `parseConfig` has taken. Of a
 * table that is not there and need not be (`[http]`) no key has a value: what it configures is off.
 */
export function effectiveValues(text: string, schema: JsonSchema = configJsonSchema()): EffectiveValue[] {
  const raw = parse(text);
  return Object.entries(schema.properties ?? {}).flatMap(([table, form]) => {
    const written = raw[table];
    if (form.items) {
      const list: readonly unknown[] = Array.isArray(written) ? written : [];
      return list.flatMap((one, index) => valuesOf(text, form.items ?? {}, table, index, one));
    }
    // A table that is filled with defaults has one itself; it is empty.
    return valuesOf(text, form, table, null, written ?? form.default);
  });
}

function valuesOf(
  text: string,
  form: JsonSchema,
  table: string,
  index: number | null,
  written: unknown,
): EffectiveValue[] {
  return Object.entries(form.properties ?? {}).map(([key, { default: fallback }]) => {
    const place = { table, index, key };
    if (!isTable(written)) return { ...place, value: null, from: "nowhere", line: null };
    if (written[key] === undefined) {
      const from = fallback === undefined ? "nowhere" : "default";
      return { ...place, value: fallback ?? null, from, line: null };
    }
    const path: KeyPath = index === null ? [table, key] : [table, index, key];
    const value = isSecretKey(key) ? notShown : written[key];
    return { ...place, value, from: "file", line: lineOf(text, path) ?? null };
  });
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
