import { effectiveValues } from "../config/effective.js";
import { configFileNamedBy, readText } from "../config/file.js";
import { parseConfig } from "../config/load.js";
import { defaultKeepLocal } from "../snapshot/keep-local.js";
import { type ConfigDocument, formatConfig } from "./format-config.js";

/**
 * `config show`: every value that is in force and where it comes from. `configOption` is what `--config` says. A file
 * with mistakes in it has no values in force: it is refused as by `config check`.
 */
export async function showConfig(
  configOption: string | undefined,
  { json }: { json?: boolean },
): Promise<number> {
  const file = configFileNamedBy(configOption);
  const text = readText(file.path);
  parseConfig(text, file.path);
  // Its default is the list of who knows ProxySQL's tables, and not the schema's.
  const values = effectiveValues(text).map((one) =>
    one.table === "proxysql" && one.key === "keep_local" && one.from === "nowhere"
      ? { ...one, value: defaultKeepLocal, from: "default" as const }
      : one,
  );
  const document: ConfigDocument = { schema: "proxysql-carp/config/v1", file, values };
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : formatConfig(document));
  return 0;
}
