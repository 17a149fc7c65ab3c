import { join } from "node:path";
import type { Config } from "../config/schema.js";
import type { Owner } from "../platform/files.js";
import { ownerNamed, ownerOfDirectory } from "../platform/owner.js";
import { withScratch } from "../platform/scratch-directory.js";
import { copyDatabaseFile } from "../snapshot/copy-database.js";
import { type Inspection, inspectDatabase } from "../snapshot/inspect.js";
import { type DatabaseFile, judgeDatabaseFile } from "./proxysql.js";
import { failing, ok, type Verdict } from "./verdict.js";

/** Whom ProxySQL's files should belong to: [proxysql] owner, else the data directory's owner. */
export async function expectedOwner({ proxysql }: Config): Promise<Owner> {
  const { owner, datadir } = proxysql;
  return owner === undefined ? ownerOfDirectory(datadir, "[proxysql] datadir") : ownerNamed(owner);
}

/** Looks into a copy: ProxySQL waits without an end for locks of others, and a copy takes a blink of one. */
export function inspectCopy(datadir: string): Promise<Inspection> {
  return withScratch(async (dir) => {
    const copy = join(dir, "proxysql.db");
    await copyDatabaseFile(join(datadir, "proxysql.db"), copy);
    return inspectDatabase(copy);
  });
}

/** What counts of an inspection. */
type Contents = Pick<Inspection, "isDatabase" | "problems"> & {
  readonly tables: Readonly<Record<string, { readonly rows: number }>>;
};

/** `inspection`: what is in the file, or the error of looking. */
export function judgeDatabase(
  file: DatabaseFile,
  owner: Owner,
  inspection: Contents | { readonly error: Error },
): Verdict {
  const mend =
    "Save what runs to a good disk: in the admin, SAVE ... TO DISK for each module; if that fails, `service proxysql_carp restart` with ProxySQL stopped installs the newest snapshot.";
  if ("error" in inspection) return failing(inspection.error.message, mend);
  const { problems, isDatabase, tables } = inspection;
  if (!isDatabase || problems.length > 0)
    return failing(`${file.path} is damaged: ${problems.slice(0, 3).join("; ")}`, mend);
  if ((tables.global_variables?.rows ?? 0) === 0)
    return failing(`${file.path} has no variables in it: ProxySQL would start with its defaults.`, mend);
  const verdict = judgeDatabaseFile(file, owner);
  return verdict.state === "ok" ? ok(`sound, ${verdict.sentence}`) : verdict;
}
