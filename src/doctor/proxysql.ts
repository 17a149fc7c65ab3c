import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { CarpView } from "../carp/observe.js";
import { adminAddress } from "../config/admin-address.js";
import type { Config } from "../config/schema.js";
import { isKnown } from "../platform/errors.js";
import { runProgram } from "../platform/exec.js";
import { AdminClient } from "../proxysql/admin-client.js";
import type { Handshake } from "../proxysql/handshake.js";
import { failedWith, failing, notChecked, ok, type Verdict, warning } from "./verdict.js";

const serviceMs = 10_000;
const statementMs = 3_000;

/** Releases of ProxySQL whose tables and commands this program knows. */
const servedReleases = ["2.5", "2.6", "2.7", "3.0"];

/** What rc(8) says when asked for the service; null: there is no service(8). */
export async function askService(name: string): Promise<string | null> {
  try {
    const { stdout, stderr } = await runProgram("service", [name, "onestatus"], serviceMs);
    return `${stdout}${stderr}`.trim();
  } catch (error) {
    if (isKnown(error, "command-failed")) return null;
    throw error;
  }
}

/** Whether it runs is for the next lines; rc(8) must know it, or nobody can start it. */
export function judgeService(name: string, said: string | null): Verdict {
  if (said === null) return notChecked("this host has no service(8)");
  if (/does not exist in|not executable/.test(said)) {
    return failing(
      `rc(8) knows no service "${name}": the agent could neither start nor stop ProxySQL.`,
      "Correct [proxysql] service, or install ProxySQL's rc script: `service -l | grep -i proxysql`.",
    );
  }
  return ok(said.split("\n")[0] ?? name);
}

/** What the admin answered, or why it did not. */
export type AdminSeen = { readonly version: string | null } | { readonly error: unknown };

export async function askAdmin(config: Config): Promise<AdminSeen> {
  const admin = new AdminClient(adminAddress(config));
  try {
    const [row] = await admin.query("SELECT @@version", statementMs);
    return { version: Object.values(row ?? {})[0] ?? null };
  } catch (error) {
    return { error };
  } finally {
    admin.end();
  }
}

/** It does not run, or hangs: then its other port has nothing to add. */
export function isSilent(seen: AdminSeen): boolean {
  return "error" in seen && (isKnown(seen.error, "proxysql-unreachable") || isKnown(seen.error, "deadline"));
}

/**
 * Should ProxySQL run here? In warm standby always; in cold standby only where an address is; null while nobody knows
 * the role.
 */
export function isExpected(
  standby: "warm" | "cold",
  carp: Pick<CarpView, "role" | "holdsAddress"> | undefined,
): boolean | null {
  if (standby === "warm") return true;
  return carp === undefined || carp.role === "unknown" ? null : carp.role === "MASTER" || carp.holdsAddress;
}

export function judgeAdmin(seen: AdminSeen, expected: boolean | null, service: string): Verdict {
  if ("version" in seen) {
    if (expected !== false) return ok(`answers, version ${seen.version ?? "not told"}`);
    return warning(
      "ProxySQL runs, and on a passive node in cold standby it should be stopped.",
      `\`service ${service} onestop\`; see that nothing but the agent starts it (\`sysrc ${service}_enable=NO\`).`,
    );
  }
  const { error } = seen;
  const isDown = isKnown(error, "proxysql-unreachable");
  if (isDown && expected === false) return ok("is stopped, as on a passive node in cold standby");
  if (isDown && expected === null) return notChecked("the role is not known, and in cold standby it counts");
  if (isDown) {
    return failing(
      error.message,
      `\`service ${service} onestart\`, and look into ProxySQL's log; is [proxysql] admin_host/admin_port right?`,
    );
  }
  if (isKnown(error, "proxysql-refused")) {
    return failing(
      error.message,
      "Put the password of that user in admin-admin_credentials into [proxysql] admin_password_file.",
    );
  }
  return failedWith(error);
}

export function judgeVersion(seen: AdminSeen): Verdict {
  if (!("version" in seen)) return notChecked("ProxySQL is stopped");
  const release = /^v?(\d+\.\d+)(?!\d)/.exec(seen.version ?? "")?.[1];
  if (release !== undefined && servedReleases.includes(release)) return ok(`${seen.version} is served`);
  return warning(
    `ProxySQL ${seen.version ?? "without a version"} is not one of ${servedReleases.join(", ")}, which this program was made for.`,
    "Try a drill (`proxysql-carp snapshot drill`) before you rely on a failover, and look for an update of this program.",
  );
}

export function judgeClients(
  greeting: Handshake,
  expected: boolean | null,
  { client_host, client_port }: Pick<Config["proxysql"], "client_host" | "client_port">,
): Verdict {
  const place = `${client_host}:${client_port}`;
  if (greeting.ok) return ok(`${place} greets as ${greeting.serverVersion}`);
  if (expected === false) return ok("is closed, as on a passive node in cold standby");
  if (expected === null) return notChecked("the role is not known, and in cold standby it counts");
  return failing(
    `The client port ${place} does not greet: ${greeting.why}.`,
    "Compare mysql-interfaces with [proxysql] client_host and client_port; after PROXYSQL PAUSE, PROXYSQL RESUME in the admin opens it.",
  );
}

/** ProxySQL's database and the directory around it. */
export interface DatabaseFile {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly directory: { readonly uid: number; readonly gid: number; readonly mode: number };
}

/** The error if there is none that can be looked at. */
export async function lookAtDatabaseFile(datadir: string): Promise<DatabaseFile | Error> {
  const path = join(datadir, "proxysql.db");
  try {
    const [file, directory] = await Promise.all([stat(path), stat(datadir)]);
    const facts = ({ uid, gid, mode }: typeof file) => ({ uid, gid, mode: mode & 0o777 });
    return { path, ...facts(file), directory: facts(directory) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error;
  }
}

/** `owner`: whom the file should belong to; the agent gives what it installs to that one. */
export function judgeDatabaseFile(
  seen: DatabaseFile,
  owner: { readonly uid: number; readonly gid: number },
): Verdict {
  const { path, uid, gid, mode, directory } = seen;
  if (uid !== owner.uid) {
    return failing(
      `${path} belongs to user id ${uid}, not to ${owner.uid}: ProxySQL may not be able to write it.`,
      `\`chown ${owner.uid}:${owner.gid} ${path}\`; if [proxysql] owner is wrong, correct that instead.`,
    );
  }
  if ((mode & 0o600) !== 0o600) {
    return failing(
      `${path} has mode ${octal(mode)}: ProxySQL itself cannot read and write it, and aborts at its start.`,
      `chmod 0640 ${path}`,
    );
  }
  if ((mode & 0o004) !== 0 && (directory.mode & 0o001) !== 0) {
    return warning(
      `${path} has mode ${octal(mode)}: every user of this host can read the passwords in it.`,
      `\`chmod 0640 ${path}\`, and \`chmod 0750\` the directory, where ProxySQL makes its files.`,
    );
  }
  return ok(`owner ${uid}:${gid}, mode ${octal(mode)}`);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
