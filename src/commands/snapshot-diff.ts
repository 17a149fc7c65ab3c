import { join } from "node:path";
import { version } from "../agent/version.js";
import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { monotonic } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import { withScratch } from "../platform/scratch-directory.js";
import { openSide, type Side } from "../ship/sides.js";
import { type ConfigurationDiff, diffDatabases } from "../snapshot/diff.js";
import type { DiffOptions } from "../snapshot/difference.js";
import { masked } from "../snapshot/secrets.js";
import { differingTls } from "../snapshot/tls-difference.js";
import { type DiffDocument, type DiffSide, diffLines } from "./format-diff.js";
import { printAll } from "./print-all.js";

export interface DiffCommandOptions {
  readonly json?: boolean;
  readonly secrets?: boolean;
}

/**
 * `snapshot diff A B`: what B has that A has not, row by row. Each is the id of a snapshot, `live`, `disk`, `peer` or a
 * path. Exit code 0 whether they differ or not: `equal` in the document tells.
 */
export async function diffSnapshots(
  configFile: string,
  a: string,
  b: string,
  options: DiffCommandOptions,
): Promise<number> {
  const began = monotonic();
  let read: Config | undefined;
  const config = (): Config => {
    read ??= loadConfig(configFile);
    return read;
  };
  const document = await withScratch(async (dir) => {
    const sources = { config, version };
    const [first, second] = [
      await openSide(a, join(dir, "a"), sources),
      await openSide(b, join(dir, "b"), sources),
    ];
    const diff = await diffDatabases(
      first.database,
      second.database,
      compared(first, second, keepLocal(configFile)),
    );
    return documentOf(first, second, options.secrets ? diff : masked(diff), options.secrets === true, began);
  });
  const pieces = options.json ? [`${JSON.stringify(document, null, 2)}\n`] : diffLines(document);
  await printAll(pieces);
  return 0;
}

/** What the configuration calls the host's own. Two files are compared without one too: it only marks rows. */
function keepLocal(configFile: string): readonly string[] | undefined {
  try {
    return loadConfig(configFile).proxysql.keep_local;
  } catch (error) {
    if (!isKnown(error, "config-invalid")) throw error;
    return undefined;
  }
}

function compared(a: Side, b: Side, keep: readonly string[] | undefined): DiffOptions {
  const only = a.only ?? b.only;
  return { ...(only === undefined ? {} : { only }), ...(keep === undefined ? {} : { keepLocal: keep }) };
}

function documentOf(
  a: Side,
  b: Side,
  diff: ConfigurationDiff,
  secrets: boolean,
  began: number,
): DiffDocument {
  const tls = differingTls(a.tls, b.tls);
  return {
    schema: "proxysql-carp/diff/v1",
    a: sideOf(a),
    b: sideOf(b),
    equal: diff.equal && (tls ?? []).length === 0,
    secrets: secrets ? "shown" : "masked",
    tables: diff.tables,
    compared: diff.compared,
    tls,
    ms: Math.round(monotonic() - began),
  };
}

function sideOf({ name, manifest, note }: Side): DiffSide {
  return { name, snapshot: manifest?.id ?? null, takenAt: manifest?.takenAt ?? null, note };
}
