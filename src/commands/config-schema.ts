import { configJsonSchema } from "../config/json-schema.js";

/** `config schema`: the configuration file's form as JSON Schema, for an editor. */
export async function printConfigSchema(): Promise<number> {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return 0;
}
