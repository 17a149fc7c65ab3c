import { configSchema } from "../../../src/config/schema.js";

/** One key of the configuration file, as the schema has it. */
export interface ConfigKey {
  /** `carp.settle`; keys of the [[peer]] list as `peer.host`. */
  readonly path: string;
  readonly table: string;
  readonly name: string;
  /** As written in the file; undefined without a default. */
  readonly fallback: unknown;
  readonly required: boolean;
}

/** As much of a zod schema's definition as walking it takes. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly element?: Schema;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly defaultValue?: unknown;
}

interface Schema {
  readonly def: Definition;
}

/** Every key that the schema knows, in its order. */
export function configKeys(): ConfigKey[] {
  return Object.entries(shapeOf(configSchema as unknown as Schema)).flatMap(([table, schema]) =>
    Object.entries(shapeOf(schema)).map(([name, value]) => keyOf(table, name, value)),
  );
}

function keyOf(table: string, name: string, schema: Schema): ConfigKey {
  const wrappers = unwrap(schema).slice(0, -1);
  const fallback = wrappers.find(({ type }) => type === "default")?.defaultValue;
  const required = fallback === undefined && !wrappers.some(({ type }) => type === "optional");
  return { path: `${table}.${name}`, table, name, fallback, required };
}

function shapeOf(schema: Schema): Readonly<Record<string, Schema>> {
  const innermost = unwrap(schema).at(-1);
  if (innermost?.shape) return innermost.shape;
  if (innermost?.type === "array" && innermost.element) return shapeOf(innermost.element);
  throw new Error(`a ${innermost?.type} has no keys`);
}

/** The definitions from outside to inside: defaults, options and transformations wrap the type itself. */
function unwrap(schema: Schema): Definition[] {
  const inner = schema.def.innerType ?? schema.def.in;
  return inner === undefined ? [schema.def] : [schema.def, ...unwrap(inner)];
}
