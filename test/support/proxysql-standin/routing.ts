import { placeOf, type ServerPlace, statusOf } from "./hostgroups.js";
import type { SqlValue } from "./layers.js";
import type { Runtime } from "./runtime.js";

/** A server that a session uses. */
export type Backend = ServerPlace;

// Columns of mysql_query_rules and mysql_users, by position.
const RULE = { user: 2, flagIn: 4, matchDigest: 9, matchPattern: 10, negate: 11, destination: 15, apply: 33 };

/** The hostgroup that a user's query goes to: the user's own one, unless a rule in runtime says otherwise. */
export function hostgroupFor(runtime: Runtime, user: string, query: string, standard: number): number {
  let hostgroup = standard;
  for (const rule of runtime.rows("mysql_query_rules")) {
    if (!matches(rule, user, query)) continue;
    if (rule[RULE.destination] !== null) hostgroup = Number(rule[RULE.destination]);
    if (Number(rule[RULE.apply]) === 1) break;
  }
  return hostgroup;
}

/** A server of the hostgroup that takes new work: only ONLINE ones do. */
export function pickBackend(runtime: Runtime, hostgroup: number): Backend | undefined {
  const online = runtime.servers.rows.filter(
    (row) => placeOf(row).hostgroup === hostgroup && statusOf(row) === "ONLINE",
  );
  const picked = online[Math.floor(Math.random() * online.length)];
  return picked === undefined ? undefined : placeOf(picked);
}

/** True while the server is in runtime, whatever its status: OFFLINE_SOFT lets a session go on, removal does not. */
export function isPresent(runtime: Runtime, backend: Backend): boolean {
  return runtime.servers.find(backend) !== undefined;
}

function matches(rule: SqlValue[], user: string, query: string): boolean {
  const ruleUser = rule[RULE.user];
  if (ruleUser !== null && ruleUser !== undefined && ruleUser !== user) return false;
  if (Number(rule[RULE.flagIn]) !== 0) return false;
  const pattern = rule[RULE.matchDigest] ?? rule[RULE.matchPattern];
  if (pattern === null || pattern === undefined) return true;
  return new RegExp(String(pattern), "i").test(query) !== (Number(rule[RULE.negate]) === 1);
}
