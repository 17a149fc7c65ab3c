import { createHash } from "node:crypto";
import type { Config } from "./schema.js";

/**
 * A text that is another one for another configuration, defaults included, and tells nothing of it: by it an agent shows
 * with which it runs. A comment or the order of keys changes nothing.
 */
export function configDigest(config: Config): string {
  return createHash("sha256").update(JSON.stringify(config)).digest("hex");
}
