import { join, resolve } from "node:path";
import { type Host, killHost, logTails, startHost } from "./host.js";
import {
  type Identity,
  type Places,
  placesOf,
  prepareFiles,
  prepareProxysql,
  userOverlay,
  writeConfigs,
} from "./host-files.js";
import {
  addPort,
  createNetwork,
  type Network,
  removeFiles,
  removeNetwork,
  setHearing,
  setIsolated,
} from "./network.js";

/** Hosts on one switch that share an address. */
export type Lab = { readonly network: Network; readonly hosts: readonly Host[] };

export type LabOptions = {
  readonly standby: "warm" | "cold";
  /** 2 (the rule) or 3. */
  readonly count?: number;
  /** The ProxySQL database each host begins with, by its place; others begin with the default one. */
  readonly databases?: readonly string[];
  /** Hosts whose ProxySQL stand-in takes no harm from poisoned configurations (see its poison.ts), by name. */
  readonly immune?: readonly string[];
  /** net.inet.carp.preempt=1, as in a sysctl.conf; FreeBSD's default is 0. */
  readonly preempt?: boolean;
  /** More keys for the tables of the agents' configuration. */
  readonly more?: Readonly<Record<string, string>>;
};

const fixtures = resolve("test/fixtures/proxysql");
export const defaultDatabase = join(fixtures, "proxysql-2.7.1-default.db");
/** Three servers, replication hostgroups, a user, two rules. */
export const shopDatabase = join(fixtures, "proxysql-2.7.1-shop.db");

/** The real ProxySQL if PROXYSQL_BIN names one, else the stand-in. */
function proxysqlCommand({ node, app, hostState }: Places, immune: boolean): string[] {
  const real = process.env.PROXYSQL_BIN;
  if (real !== undefined && real !== "") {
    return [resolve(real)];
  }
  const immunity = immune ? ["PROXYSQL_STANDIN_IMMUNE=1"] : [];
  return [
    "/usr/bin/env",
    `PROXYSQL_STANDIN_FAILURES=${hostState}`,
    ...immunity,
    node,
    `${app}/build/test/support/proxysql-standin/main.js`,
  ];
}

/**
 * Makes the hosts a, b (and c), switched off: network, users, keys, configuration, data directories. The skew of a is
 * 0, of b 100, of c 200.
 */
export function createLab(options: LabOptions): Lab {
  const network = createNetwork();
  try {
    const count = options.count ?? 2;
    const names = ["a", "b", "c"].slice(0, count);
    const identities: Identity[] = [];
    const hosts = names.map((name, index): Host => {
      const places = placesOf(join(network.root, name));
      const address = `192.0.2.${11 + index}`;
      const identity = prepareFiles(places, name, address);
      identities.push(identity);
      prepareProxysql(
        places,
        options.databases?.[index] ?? defaultDatabase,
        proxysqlCommand(places, options.immune?.includes(name) ?? false),
      );
      const port = addPort(network, name, address, userOverlay(places.home));
      return {
        name,
        network,
        port,
        places,
        identity,
        skew: index * 100,
        standby: options.standby,
        preempt: options.preempt ?? false,
        processes: new Map(),
      };
    });
    for (const host of hosts) {
      const peers = identities.filter((identity) => identity !== host.identity);
      writeConfigs(host.places, host.identity, peers, options.standby, options.more);
    }
    return { network, hosts };
  } catch (error) {
    removeNetwork(network);
    removeFiles(network);
    throw error;
  }
}

/** The hosts by name. */
export function hostOf(lab: Lab, name: "a" | "b" | "c"): Host {
  const host = lab.hosts.find((candidate) => candidate.name === name);
  if (host === undefined) {
    throw new Error(`the lab has no host ${name}`);
  }
  return host;
}

/** Boots all hosts at once. */
export async function startAll(lab: Lab, options: { agent?: boolean } = {}): Promise<void> {
  await Promise.all(lab.hosts.map((host) => startHost(host, options)));
}

/**
 * Cuts the switch through: no host reaches another one, CARP included, though all keep their carrier and become MASTER;
 * or heals it.
 */
export function setCut(lab: Lab, cut: boolean): void {
  for (const host of lab.hosts) {
    setIsolated(lab.network, host.port, cut);
  }
}

/** Withholds CARP's advertisements alone: all become MASTER and still reach each other; or lets them through again. */
export function setDeaf(lab: Lab, deaf: boolean): void {
  for (const host of lab.hosts) {
    setHearing(lab.network, host.port, !deaf);
  }
}

/** Ends everything. With `keep`, the files stay for a look. */
export function destroyLab(lab: Lab, keep = false): void {
  for (const host of lab.hosts) {
    killHost(host);
  }
  removeNetwork(lab.network);
  if (!keep) {
    removeFiles(lab.network);
  }
}

/** All that the hosts logged last, to go with a failure. */
export function labReport(lab: Lab): string {
  return lab.hosts.map((host) => logTails(host)).join("\n");
}
