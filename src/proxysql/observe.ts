import { isKnown } from "../platform/errors.js";
import type { AdminClient } from "./admin-client.js";
import { type Handshake, knock } from "./handshake.js";

/** ProxySQL on this node as it is now. */
export interface ProxysqlView {
  /** A process answers on the admin or the client port, well or not. */
  readonly running: boolean;
  /** The admin answers our statements. */
  readonly admin: boolean;
  /** The client port greets as a MySQL server. */
  readonly serving: boolean;
  readonly version: string | null;
  /** Rows in the scheduler that runs now, and in the one on disk (what would run after a start). */
  readonly scheduler: { readonly runtime: number; readonly disk: number } | null;
  readonly paused: boolean;
  /** Why the admin or the client port is not well, for people. */
  readonly problems: readonly string[];
}

export interface ClientAddress {
  readonly host: string;
  readonly port: number;
}

const schedulerQuery =
  "SELECT (SELECT count(*) FROM runtime_scheduler) AS runtime, (SELECT count(*) FROM disk.scheduler) AS disk_rows";
const knockDeadlineMs = 1_000;

/**
 * Looks at the admin and at the client port. Never rejects: what is wrong is part of the answer. A greeting already
 * seen may be handed in: ProxySQL logs every knock ("Closing unhealthy client connection"), so not every look knocks.
 */
export async function observeProxysql(
  admin: AdminClient,
  client: ClientAddress,
  known?: Handshake,
): Promise<ProxysqlView> {
  const greeting = known ?? (await knockAt(client));
  const inside = await askAdmin(admin, greeting.ok);
  const problems: string[] = [];
  if (inside.problem !== undefined) problems.push(inside.problem);
  if (!greeting.ok) problems.push(`The client port ${client.host}:${client.port}: ${greeting.why}.`);
  return {
    running: inside.answers || greeting.ok || !greeting.refused,
    admin: inside.version !== null,
    serving: greeting.ok,
    version: inside.version,
    scheduler: inside.scheduler,
    paused: inside.paused,
    problems,
  };
}

/** Knocks at the client port, within a second. */
export function knockAt(client: ClientAddress): Promise<Handshake> {
  return knock(client.host, client.port, knockDeadlineMs);
}

interface AdminView {
  /** Somebody listens on the admin address, even if our statements fail. */
  readonly answers: boolean;
  readonly version: string | null;
  readonly scheduler: ProxysqlView["scheduler"];
  readonly paused: boolean;
  readonly problem?: string;
}

/** `serves`: while ProxySQL starts, its runtime is not asked for. The modules are made one by one, and that kills it. */
async function askAdmin(admin: AdminClient, serves: boolean): Promise<AdminView> {
  try {
    const [version] = await admin.query("SELECT @@version", 2_000);
    const [scheduler] = serves ? await admin.query(schedulerQuery, 2_000) : [];
    const [paused] = await admin.query(
      "SELECT variable_value AS paused FROM stats_mysql_global WHERE variable_name='mysql_listener_paused'",
      2_000,
    );
    return {
      answers: true,
      version: Object.values(version ?? {})[0] ?? null,
      scheduler: scheduler
        ? { runtime: Number(scheduler.runtime ?? 0), disk: Number(scheduler.disk_rows ?? 0) }
        : null,
      paused: Object.values(paused ?? {})[0] === "true",
    };
  } catch (error) {
    if (!isKnown(error)) throw error;
    const answers = error.code !== "proxysql-unreachable" || error.fields.systemCode === undefined;
    return { answers, version: null, scheduler: null, paused: false, problem: error.message };
  }
}
