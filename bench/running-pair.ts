import { readFileSync, writeFileSync } from "node:fs";
import { connectAdmin } from "../test/support/admin-client.js";
import type { NodeOptions, PairNode } from "../test/support/pair/node.js";
import { createPair, type Pair, until } from "../test/support/pair/pair.js";
import { type Cable, layCable } from "./cable.js";

/** A pair with everything running, `a` active, and a configuration of usual size in it. */
export interface RunningPair extends Pair {
  /** From a to b's SSH port, and the other way round. */
  readonly cables: { readonly a: Cable; readonly b: Cable };
}

export const userPassword = "bench-secret";

/** Starts a pair and waits until `a` leads, `b` stands by and has the first snapshot. */
export async function startPair(
  options: Pick<NodeOptions, "standby" | "extra" | "traces">,
): Promise<RunningPair> {
  const pair = await createPair(options);
  const { a, b } = pair;
  const cables = { a: await layCable(b.ports.ssh), b: await layCable(a.ports.ssh) };
  wire(a, b, cables.a);
  wire(b, a, cables.b);
  const end = async (): Promise<void> => {
    // A server that waits for its connections to end must not wait behind a cut cable.
    await Promise.all([cables.a.close(), cables.b.close()]);
    await pair.end();
  };
  try {
    await Promise.all([a.startSsh(b), b.startSsh(a)]);
    await Promise.all([a.startProxysql(), b.startProxysql()]);
    await until("both ProxySQL answer", async () => {
      await Promise.all([a.admin("SELECT 1"), b.admin("SELECT 1")]);
      return true;
    });
    await a.admin(...usualConfiguration());
    a.writeRole("MASTER");
    a.startAgent();
    b.startAgent();
    await untilActive(a);
    await untilPassive(b, options.standby);
    await untilShipped(a);
  } catch (error) {
    await end();
    throw error;
  }
  return { ...pair, cables, end };
}

/** Lets `from` reach its peer through the cable. */
function wire(from: PairNode, to: PairNode, cable: Cable): void {
  const text = readFileSync(from.configFile, "utf8");
  writeFileSync(from.configFile, text.replace(`port = ${to.ports.ssh}`, `port = ${cable.port}`));
}

/** The servers of the usual configuration: hosts and ports. */
export const usualServers = Array.from({ length: 40 }, (_, i) => ({ host: `db${i}.example`, port: 3306 }));

/** Puts the usual configuration's servers, 40 in two hostgroups, into an admin's memory. */
export const addUsualServers = `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES ${usualServers
  .map(({ host, port }, i) => `(${(i % 2) * 10 + 10},'${host}',${port})`)
  .join(",")}`;

/** 40 servers in two hostgroups, 100 users, 200 query rules. */
function usualConfiguration(): string[] {
  const rows = (count: number, row: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => row(i)).join(",");
  return [
    addUsualServers,
    `INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ${rows(100, (i) => `('user${i}','${userPassword}',10)`)}`,
    `INSERT INTO mysql_query_rules(rule_id,active,match_digest,destination_hostgroup,apply) VALUES ${rows(200, (i) => `(${i + 1},1,'^SELECT .* FROM t${i} ',20,1)`)}`,
    ...["SERVERS", "USERS", "QUERY RULES"].flatMap((module) => [
      `LOAD MYSQL ${module} TO RUNTIME`,
      `SAVE MYSQL ${module} TO DISK`,
    ]),
  ];
}

/** Adds a user on the active node: from now on, who can log in as this user is served the newest configuration. */
export function addUser(node: PairNode, name: string): Promise<unknown> {
  return node.admin(
    `INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ('${name}','${userPassword}',10)`,
    "LOAD MYSQL USERS TO RUNTIME",
    "SAVE MYSQL USERS TO DISK",
  );
}

/** Logs in at a node's client port as an application does. False as long as that is refused. */
export async function logsIn(node: PairNode, user: string): Promise<boolean> {
  const client = await connectAdmin({
    port: node.ports.client,
    user,
    password: userPassword,
    timeout: 3_000,
  });
  client.close();
  return true;
}

export async function untilActive(node: PairNode): Promise<void> {
  await until(`${node.name} leads and serves`, async () => {
    const { leads, proxysql, role } = await node.status();
    return role === "MASTER" && leads !== null && proxysql.serving && proxysql.admin;
  });
}

export async function untilPassive(node: PairNode, standby: string): Promise<void> {
  await until(
    `${node.name} stands by`,
    async () => {
      const { leads, proxysql, role } = await node.status();
      return role === "BACKUP" && leads === null && proxysql.up === (standby === "warm");
    },
    60_000,
  );
}

/** Waits until the peer has acknowledged what this node took last. */
export async function untilShipped(node: PairNode): Promise<void> {
  await until(
    `${node.name} has shipped its newest`,
    async () => {
      const { lastTaken, peers } = await node.status();
      const [peer] = peers;
      return (
        lastTaken !== null && peer?.pending === null && peer.lastShipped?.snapshot === lastTaken.snapshot
      );
    },
    60_000,
  );
}
