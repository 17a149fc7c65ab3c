import type { SqlConnection } from "./layers.js";
import { log } from "./log.js";
import { abort } from "./start-files.js";

/**
 * Makes the stand-in fail by what its configuration says, so that the failure travels inside a snapshot: the comment of
 * a row in mysql_servers. A real ProxySQL shows such failures on content that cannot be produced at will.
 *
 * `standin:die`   aborts at start, once the database is read, and when such a row is loaded to runtime
 * `standin:deaf`  the client port does not open, and closes when such a row is loaded to runtime; it opens again when
 *                 servers without one are loaded
 * `standin:lose`  no row of that row's hostgroup reaches runtime_mysql_servers
 *
 * With PROXYSQL_STANDIN_IMMUNE set, none of it: for a node whose snapshots are bad on the other one only.
 */
const MARK = "standin:";

/** What the servers in memory do to this process. */
export interface Poison {
  readonly deaf: boolean;
  /** Hostgroups whose servers do not reach the runtime. */
  readonly lost: ReadonlySet<string>;
}

export const NO_POISON: Poison = { deaf: false, lost: new Set() };

/** Reads the poisons from `main.mysql_servers`. Ends the process when one says so. */
export async function takePoison(main: SqlConnection): Promise<Poison> {
  if (process.env.PROXYSQL_STANDIN_IMMUNE !== undefined) return NO_POISON;
  const { rows } = await main.query(
    `SELECT comment, hostgroup_id FROM main.mysql_servers WHERE comment LIKE '${MARK}%'`,
  );
  const poisoned = (kind: string) => rows.filter((row) => row[0] === `${MARK}${kind}`);
  if (poisoned("die").length > 0) abort("Assertion failed on a server with the comment standin:die");
  const poison = {
    deaf: poisoned("deaf").length > 0,
    lost: new Set(poisoned("lose").map((row) => String(row[1]))),
  };
  if (poison.deaf) log("ERROR", "deaf: a server has the comment standin:deaf");
  return poison;
}
