import { checksumOf } from "./checksums.js";
import { readCnfInto } from "./cnf-to-memory.js";
import type { Instance } from "./instance.js";
import { messageOf } from "./layers.js";
import { log } from "./log.js";
import { type Module, type Move, parseMove } from "./modules.js";
import { proxysqlCommand } from "./proxysql-commands.js";
import { rewrite } from "./rewrites.js";
import { type Answer, adminError, ok, type Session } from "./session.js";
import { normalise } from "./sql-text.js";
import { refreshStats } from "./stats.js";

/** Statements answered OK and otherwise ignored: the admin knows no transactions (lib/ProxySQL_Admin.cpp:4530-4650). */
const IGNORED =
  /^(begin|start transaction|commit|rollback|use |set character_set_results|set session character_set_results|set sql_auto_is_null|set names|set autocommit|set sql_safe_updates=1|set sql_quote_show_create=1)/i;

/** Answers one query of an admin session. The caller holds the admin mutex. */
export async function adminQuery(instance: Instance, session: Session, text: string): Promise<Answer> {
  const query = normalise(text);
  if (query === "" && text.includes(";")) crash("a query of nothing but semicolons");
  if (/^logentry /i.test(query)) return ok();
  const special = await command(instance, query);
  if (special !== undefined) return special;
  await instance.runtime.show(query, instance.store.admin, instance.runtimeTables);
  await refreshStats(query, instance.store.admin, "stats", instance);
  if (/^set /i.test(query)) return setVariable(instance, query);
  if (/^checksum /i.test(query)) return checksum(instance, query);
  return runSql(
    instance,
    rewrite(text, query, instance.personality.version, `${session.user}@${session.host}`),
  );
}

/** Answers one query of a stats session: statistics only, and read-only. */
export async function statsQuery(instance: Instance, session: Session, text: string): Promise<Answer> {
  const query = normalise(text);
  if (IGNORED.test(query)) return ok();
  if (/^(pragma|attach)/i.test(query)) return adminError("Command not allowed");
  const stats = instance.store.stats;
  await refreshStats(query, stats, "main", instance);
  await stats.query("PRAGMA query_only = ON");
  try {
    const sql = rewrite(text, query, instance.personality.version, `${session.user}@${session.host}`);
    return toAnswer(await stats.query(sql));
  } catch (error) {
    return adminError(messageOf(error));
  } finally {
    await stats.query("PRAGMA query_only = OFF");
  }
}

/** Ends the process as the segmentation faults of the real one do. */
export function crash(cause: string): never {
  log("ERROR", `signal 11: ${cause}`);
  process.kill(process.pid, "SIGSEGV");
  throw new Error("signal not delivered yet");
}

async function command(instance: Instance, query: string): Promise<Answer | undefined> {
  const kill = /^kill connection (\d*)/i.exec(query);
  if (kill !== null)
    return instance.client.kill(Number(kill[1])) ? ok() : adminError(`Unknown thread id: ${kill[1]}`);
  if (/^save mysql digest to disk$/i.test(query)) return ok();
  if (/^proxysql /i.test(query)) return proxysqlCommand(instance, query.toUpperCase());
  const found = parseMove(instance.modules, query);
  if (found !== undefined) {
    log("INFO", `Received ${query} command`);
    return move(instance, found.module, found.move);
  }
  const user = /^load mysql user ([\w+-]+) to runtime$/i.exec(query);
  const users = instance.modules.find((module) => module.name === "MYSQL USERS");
  if (user !== null && users !== undefined) return move(instance, users, "memory-to-runtime");
  return IGNORED.test(query) ? ok() : undefined;
}

async function move(instance: Instance, module: Module, direction: Move): Promise<Answer> {
  switch (direction) {
    case "disk-to-memory":
      if (module.kind === "variables") return runSql(instance, copyVariables(module, "main", "disk"));
      await instance.store.loadFromDisk(module);
      return ok();
    case "memory-to-disk":
      if (module.kind === "variables") return runSql(instance, copyVariables(module, "disk", "main"));
      await instance.store.saveToDisk(module);
      return ok();
    case "memory-to-runtime":
      return toRuntime(instance, module);
    case "runtime-to-memory":
      await instance.runtime.save(savedInstead(instance, module), instance.store.admin);
      return ok();
    case "config-to-memory":
      if (instance.cnf === undefined) return adminError("Config file unknown");
      return ok(await readCnfInto(module, instance.cnf, instance.store.admin));
  }
}

async function toRuntime(instance: Instance, module: Module): Promise<Answer> {
  if (!instance.started && module.name === "MYSQL SERVERS")
    crash("LOAD MYSQL SERVERS TO RUNTIME before PROXYSQL START");
  if (!instance.started && module.name === "MYSQL QUERY RULES") {
    return adminError("Global Query Processor not started: command impossible to run");
  }
  await instance.runtime.load(module, instance.store.admin);
  if (module.name === "MYSQL SERVERS") {
    await instance.client.followServers();
    instance.client.dropOrphans();
  }
  if (module.name === "ADMIN VARIABLES") await instance.admin.followInterfaces();
  return ok();
}

/** `SAVE RESTAPI FROM RUNTIME` saves the scheduler: a slip in lib/ProxySQL_Admin.cpp:2188. */
function savedInstead(instance: Instance, module: Module): Module {
  if (module.name !== "RESTAPI") return module;
  return instance.modules.find((candidate) => candidate.name === "SCHEDULER") ?? module;
}

function copyVariables(module: Module, to: string, from: string): string {
  const where = `WHERE variable_name LIKE '${module.prefix}%'`;
  return `INSERT OR REPLACE INTO ${to}.global_variables SELECT * FROM ${from}.global_variables ${where}`;
}

/** `SET name=value` becomes an UPDATE; an unknown name is answered OK with an error in the info field. */
async function setVariable(instance: Instance, query: string): Promise<Answer> {
  const match = /^set ([^=]*)(?:=(.*))?$/i.exec(query);
  const name = match?.[1]?.trim() ?? "";
  if (!instance.runtime.variables.has(name)) return ok(0, `ERROR: Unknown global variable: '${name}'.`);
  return runSql(
    instance,
    `UPDATE global_variables SET variable_value=${match?.[2]?.trim() ?? ""} WHERE variable_name='${name}'`,
  );
}

/** `CHECKSUM [DISK|MEMORY|MEM] MYSQL ...` hashes a table; only its changes mean something. */
async function checksum(instance: Instance, query: string): Promise<Answer> {
  const match = /^checksum (?:(disk|memory|mem) )?(mysql .+)$/i.exec(query);
  const name = match?.[2]?.toUpperCase() ?? "";
  const table = name.replace("AURORA", "AWS_AURORA").toLowerCase().replaceAll(" ", "_");
  const source = name === "MYSQL VARIABLES" ? "global_variables WHERE variable_name LIKE 'mysql-%'" : table;
  const schema = match?.[1]?.toLowerCase() === "disk" ? "disk" : "main";
  try {
    const result = await instance.store.admin.query(`SELECT * FROM ${schema}.${source} ORDER BY 1, 2`);
    const value = result.rows.length === 0 ? "0x00" : checksumOf([result.rows]);
    return { kind: "rows", columns: ["table", "checksum"], rows: [[name, value]] };
  } catch {
    return adminError('near "CHECKSUM": syntax error');
  }
}

async function runSql(instance: Instance, sql: string): Promise<Answer> {
  const admin = instance.store.admin;
  if (instance.readOnly) await admin.query("PRAGMA query_only = ON");
  try {
    return toAnswer(await admin.query(sql));
  } catch (error) {
    return adminError(messageOf(error));
  } finally {
    if (instance.readOnly) await admin.query("PRAGMA query_only = OFF");
  }
}

function toAnswer(result: Awaited<ReturnType<Instance["store"]["admin"]["query"]>>): Answer {
  if (result.columns === undefined) return ok(result.affectedRows);
  const rows = result.rows.map((row) => row.map(toText));
  return { kind: "rows", columns: result.columns, rows };
}

/** SQLite's text of a value: a real number always shows a fraction. */
function toText(value: string | number | bigint | Buffer | null): string | null {
  if (value === null) return null;
  if (typeof value === "number" && Number.isInteger(value)) return value.toFixed(1);
  return String(value);
}
