import { formatDuration } from "../platform/duration.js";
import type { DriftFacts, Facts, ProxysqlFacts } from "./facts.js";
import type { Finding } from "./reason.js";

/** A LOAD of admin variables closes the ports for half a second, and an agent that restarts it takes one or two. */
const downMs = 3_000;
const deafMs = 3_000;
/** What a promotion or demotion may take beyond ProxySQL's own start or end. */
const oppositeMarginMs = 10_000;
/** An operator is editing, and saves in a moment. */
const driftMs = 30_000;

/** Reasons about ProxySQL on this host. A cold passive node's is meant to be stopped. */
export function findProxysql(facts: Facts): Finding[] {
  return [...down(facts), ...notServing(facts), ...opposite(facts), ...drift(facts)];
}

function down({ node, names, proxysql }: Facts): Finding[] {
  if (proxysql.downForMs < downMs) return [];
  const what = proxysql.running
    ? `ProxySQL on ${node} listens, but its admin at ${names.admin} does not answer as it should`
    : `ProxySQL on ${node} does not run`;
  return [
    {
      code: "proxysql-down",
      about: null,
      sentence: `${what}, for ${formatDuration(proxysql.downForMs)}: ${whyOf(proxysql)}`,
      todo: `Look into ProxySQL's log, then \`service ${names.service} onestart\`; if it ends at once, \`proxysql -f -D ${names.datadir}\` as its user says why.`,
    },
  ];
}

function notServing({ node, names, proxysql }: Facts): Finding[] {
  if (proxysql.deafForMs < deafMs) return [];
  const pause = proxysql.paused ? " It was closed by PROXYSQL PAUSE." : "";
  return [
    {
      code: "not-serving",
      about: null,
      sentence: `ProxySQL on ${node} runs, but serves no clients at ${names.client}, for ${formatDuration(proxysql.deafForMs)}: ${whyOf(proxysql)}${pause}`,
      todo: proxysql.paused
        ? `Run PROXYSQL RESUME in the admin at ${names.admin}.`
        : `Compare mysql-interfaces with [proxysql] client_host and client_port, and \`sockstat -l\`; \`service ${names.service} onerestart\` opens the port anew.`,
    },
  ];
}

function opposite({ node, names, proxysql, carp }: Facts): Finding[] {
  const { oppositeForMs, expected, startTimeoutMs, drainTimeoutMs } = proxysql;
  const grace = oppositeMarginMs + (expected ? startTimeoutMs : drainTimeoutMs);
  if (oppositeForMs < grace) return [];
  const maintenance = carp.maintenance === null ? "" : " Maintenance is on, so the agent leaves it as it is.";
  if (expected) {
    return [
      {
        code: "role-opposite",
        about: null,
        sentence: `Node ${node} is ${carp.role} and its ProxySQL has served nobody for ${formatDuration(oppositeForMs)}: clients are sent to a dead end.${maintenance}`,
        todo: `\`service ${names.service} onestart\`; if that does not help, move the address away: \`ifconfig IF vhid N state backup\`.`,
      },
    ];
  }
  return [
    {
      code: "role-opposite",
      about: null,
      sentence: `Node ${node} is ${carp.role} in cold standby, and its ProxySQL has run for ${formatDuration(oppositeForMs)} although it should be stopped.${maintenance}`,
      todo: `\`service ${names.service} onestop\`; see that nothing but the agent starts it (\`sysrc ${names.service}_enable=NO\`).`,
    },
  ];
}

function drift({ names, proxysql }: Facts): Finding[] {
  if (proxysql.drift.length === 0 || proxysql.driftForMs < driftMs) return [];
  return [
    {
      code: "drift",
      about: null,
      sentence: `ProxySQL has what is not on its disk, and a failover loses it: ${proxysql.drift.map(tellDrift).join("; ")}.`,
      todo: `In the admin at ${names.admin}: ${[...new Set(proxysql.drift.map(cure))].join(" ")}`,
    },
  ];
}

function tellDrift({ table, layer, rows, examples }: DriftFacts): string {
  const where = layer === "memory" ? "differ between memory and disk" : "differ between runtime and memory";
  const names =
    examples.length === 0 ? "" : ` (${examples.join(", ")}${rows > examples.length ? ", ..." : ""})`;
  return `${rows} ${rows === 1 ? "row" : "rows"} of ${table} ${where}${names}`;
}

/** Which way is right only the operator knows: both are named. */
function cure({ table, layer }: DriftFacts): string {
  const module = moduleOf(table);
  // SAVE RESTAPI FROM RUNTIME saves the scheduler instead (ProxySQL_Admin.cpp:2188, v2.7.1).
  if (layer === "runtime" && module === "RESTAPI")
    return "LOAD RESTAPI TO RUNTIME brings in what is in memory.";
  return layer === "memory"
    ? `SAVE ${module} TO DISK keeps it, LOAD ${module} FROM DISK drops it.`
    : `SAVE ${module} FROM RUNTIME and TO DISK keeps what runs, LOAD ${module} TO RUNTIME brings in what is in memory.`;
}

/** As ProxySQL's admin names what a table belongs to. */
function moduleOf(table: string): string {
  const protocol = table.startsWith("pgsql") ? "PGSQL" : "MYSQL";
  if (table.endsWith("-variables")) return table.replace("-", " ").toUpperCase();
  if (/_users$|ldap_mapping$/.test(table) && !table.includes("firewall")) return `${protocol} USERS`;
  if (table.includes("query_rules")) return `${protocol} QUERY RULES`;
  if (table.includes("firewall")) return `${protocol} FIREWALL`;
  if (table === "scheduler") return "SCHEDULER";
  if (table === "restapi_routes") return "RESTAPI";
  if (table === "proxysql_servers") return "PROXYSQL SERVERS";
  return `${protocol} SERVERS`;
}

function whyOf({ problems }: ProxysqlFacts): string {
  return problems.length === 0
    ? "nothing answers."
    : problems.map((problem) => problem.replace(/\.?$/, ".")).join(" ");
}
