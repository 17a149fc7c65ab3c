import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import type { MysqlRow, MysqlSession } from "./session.js";

/** A binary log file as SHOW BINARY LOGS lists it. */
export interface BinaryLog {
  readonly name: string;
  readonly size: number;
}

/** A transaction in a binary log: its GTID, where it begins, and where what it wrote ends, in bytes. */
export interface LoggedTransaction {
  readonly gtid: string;
  readonly begin: number;
  readonly end: number;
}

/** Events read by one statement. The server gives their statements too, so not too many. */
const pageSize = 500;
/** The state of the GTIDs is one of the first events: after the format, and where it is encrypted, the start of that. */
const headEvents = 5;

const clientPrivilege = "REPLICATION CLIENT (MariaDB: BINLOG MONITOR)";
const eventPrivilege = "REPLICATION SLAVE (MariaDB: BINLOG MONITOR)";

/** No transaction's: they stand between two, or at the end of a file. */
const betweenEvents = new Set([
  "Format_desc",
  "Gtid_list",
  "Previous_gtids",
  "Binlog_checkpoint",
  "Start_encryption",
  "Rotate",
  "Stop",
]);

/** The binary logs of a server, oldest first. Errors: `mysql-privilege`, and `mysql-answer` if a name is none. */
export async function listBinaryLogs(session: MysqlSession): Promise<BinaryLog[]> {
  const rows = await session.query("SHOW BINARY LOGS", clientPrivilege);
  return rows.map((row) => ({ name: fileName(row.Log_name), size: Number(row.File_size ?? 0) }));
}

/**
 * The GTIDs that were logged before a file, as its first events tell (Gtid_list, Previous_gtids): empty for none, and
 * undefined if the file does not tell.
 */
export async function readHead(session: MysqlSession, name: string): Promise<string | undefined> {
  const rows = await session.query(
    `SHOW BINLOG EVENTS IN '${fileName(name)}' LIMIT ${headEvents}`,
    eventPrivilege,
  );
  const row = rows.find(({ Event_type: type }) => type === "Gtid_list" || type === "Previous_gtids");
  return row === undefined ? undefined : (row.Info ?? "").trim();
}

/**
 * The transactions of a file, in its order. `mayGoOn` is asked before each page with the number of its events at most;
 * false ends the reading, and the last transaction, whose end is not seen then, is left out.
 */
export async function* readTransactions(
  session: MysqlSession,
  name: string,
  mayGoOn: (events: number) => boolean,
): AsyncGenerator<LoggedTransaction> {
  let open: LoggedTransaction | undefined;
  let from = 4;
  while (mayGoOn(pageSize)) {
    const rows = await session.query(
      `SHOW BINLOG EVENTS IN '${fileName(name)}' FROM ${from} LIMIT ${pageSize}`,
      eventPrivilege,
    );
    for (const row of rows) {
      const event = eventOf(row);
      const gtid = gtidOf(row);
      if (gtid !== undefined) {
        if (open) yield open;
        open = { gtid, begin: event.begin, end: event.end };
      } else if (open && !betweenEvents.has(event.type)) open = { ...open, end: event.end };
    }
    const last = rows.at(-1);
    const next = last === undefined ? 0 : eventOf(last).end;
    if (rows.length < pageSize) {
      if (open) yield open;
      return;
    }
    // Positions are 32 bits wide: a larger file wraps, and would be read for ever.
    if (next <= from) return;
    from = next;
  }
}

function eventOf(row: MysqlRow): { readonly type: string; readonly begin: number; readonly end: number } {
  return { type: row.Event_type ?? "", begin: Number(row.Pos), end: Number(row.End_log_pos) };
}

/** `BEGIN GTID 0-1-7`, or `SET @@SESSION.GTID_NEXT= 'uuid:7'`. */
function gtidOf({ Event_type: type, Info: info }: MysqlRow): string | undefined {
  if (type !== "Gtid" && !type?.startsWith("Gtid_tagged")) return undefined;
  return /GTID_NEXT\s*=\s*'([^']+)'/.exec(info ?? "")?.[1] ?? /\bGTID (\d+-\d+-\d+)/.exec(info ?? "")?.[1];
}

/** Names go into statements and onto command lines: what is not a plain name is refused. */
function fileName(name: string | null | undefined): string {
  if (typeof name === "string" && /^[A-Za-z0-9_.][A-Za-z0-9_.@+-]{0,250}$/.test(name)) return name;
  throw new KnownError(
    "mysql-answer",
    `A server names a binary log "${printable(String(name)).slice(0, 80)}", which is no name of a file.`,
  );
}
