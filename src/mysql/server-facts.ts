import { KnownError } from "../platform/errors.js";
import type { MysqlSession } from "./session.js";

/** What both kinds of server tell of themselves. */
interface CommonFacts {
  readonly version: string;
  readonly serverId: number;
  readonly logBin: boolean;
  readonly readOnly: boolean;
  /** `sync_binlog`: 1 is the only value with which a crash of the host loses nothing of the binary log. */
  readonly syncBinlog: string;
}

export interface MysqlFacts extends CommonFacts {
  readonly flavour: "mysql";
  readonly serverUuid: string;
  readonly gtidMode: string;
  readonly executed: string;
  /** The part of `executed` that no binary log here holds any more. */
  readonly purged: string;
}

export interface MariadbFacts extends CommonFacts {
  readonly flavour: "mariadb";
  readonly strict: boolean;
  readonly binlogState: string;
  readonly binlogPos: string;
  readonly slavePos: string;
}

export type ServerFacts = MysqlFacts | MariadbFacts;

const plainVariables = [
  "server_id",
  "server_uuid",
  "log_bin",
  "read_only",
  "sync_binlog",
  "gtid_mode",
  "gtid_strict_mode",
];

/** Reads what a server is and how far it has got. Takes no privilege. Errors: those of a session. */
export async function readServerFacts(session: MysqlSession): Promise<ServerFacts> {
  const version = await one(session, "SELECT @@version AS value");
  const list = plainVariables.map((name) => `'${name}'`).join(",");
  const rows = await session.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${list})`);
  const variables = new Map(rows.map((row) => [row.Variable_name ?? "", row.Value ?? ""]));
  const common: CommonFacts = {
    version,
    serverId: Number(variables.get("server_id") ?? "0"),
    logBin: variables.get("log_bin") === "ON",
    readOnly: (variables.get("read_only") ?? "OFF") !== "OFF",
    syncBinlog: variables.get("sync_binlog") ?? "",
  };
  const progress = await readProgress(session, isMariadb(version));
  if (progress.flavour === "mariadb")
    return { ...common, ...progress, strict: variables.get("gtid_strict_mode") === "ON" };
  return {
    ...common,
    ...progress,
    serverUuid: variables.get("server_uuid") ?? "",
    gtidMode: variables.get("gtid_mode") ?? "OFF",
  };
}

/** How far a server has got, once more: what `readServerFacts` has told of it then. */
export async function readState(session: MysqlSession, { flavour }: ServerFacts): Promise<string> {
  const name = flavour === "mariadb" ? "gtid_binlog_state" : "gtid_executed";
  return one(session, `SELECT @@GLOBAL.${name} AS value`);
}

type Progress =
  | Pick<MariadbFacts, "flavour" | "binlogState" | "binlogPos" | "slavePos">
  | Pick<MysqlFacts, "flavour" | "executed" | "purged">;

/** By SELECT, because SHOW VARIABLES may cut long values. */
async function readProgress(session: MysqlSession, mariadb: boolean): Promise<Progress> {
  if (mariadb) {
    const [row] = await session.query(
      "SELECT @@GLOBAL.gtid_binlog_state AS state, @@GLOBAL.gtid_binlog_pos AS pos, @@GLOBAL.gtid_slave_pos AS slave",
    );
    return {
      flavour: "mariadb",
      binlogState: row?.state ?? "",
      binlogPos: row?.pos ?? "",
      slavePos: row?.slave ?? "",
    };
  }
  const [row] = await session.query(
    "SELECT @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged",
  );
  return { flavour: "mysql", executed: row?.executed ?? "", purged: row?.purged ?? "" };
}

function isMariadb(version: string): boolean {
  return /mariadb/i.test(version);
}

async function one(session: MysqlSession, sql: string): Promise<string> {
  const [row] = await session.query(sql);
  const value = row?.value;
  if (typeof value !== "string") throw new KnownError("mysql-answer", `A server gave no answer to "${sql}".`);
  return value;
}
