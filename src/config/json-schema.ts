import { z } from "zod";
import { configSchema } from "./schema.js";

/** As much of a JSON Schema as a configuration's takes. */
export interface JsonSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly [keyword: string]: unknown;
}

/**
 * The configuration file's form as JSON Schema: what is written in the file, not what becomes of it. Draft 7, because
 * editors that know TOML read that one.
 */
export function configJsonSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, {
    io: "input",
    target: "draft-7",
  }) as JsonSchema;
  return {
    $schema,
    title: "proxysql-carp.toml",
    description: "The configuration of proxysql-carp: see proxysql-carp.toml(5).",
    ...schema,
  };
}
