import { isDeepStrictEqual } from "node:util";
import { parse, stringify } from "smol-toml";
import { parseConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { places } from "./places.js";
import type { Settings } from "./settings.js";

/** The configuration file of this node. Values are written by the TOML library, so that none can be more than a value. */
export function configText(settings: Settings, hostKey: string): string {
  const { node, vhids, standby, proxysql, passwordFile, peer } = settings;
  return [
    "# proxysql-carp: configuration of one node, made by `proxysql-carp setup`. Every key is described in",
    "# proxysql-carp.toml(5). It holds no secret: the link's user reads it too.",
    "",
    "[node]",
    keys({ name: node }),
    "[carp]",
    keys({ vhids: [...vhids], standby }),
    "[proxysql]",
    keys({
      datadir: proxysql.datadir,
      ...(proxysql.adminSocket === null
        ? { admin_host: proxysql.adminHost, admin_port: proxysql.adminPort }
        : { admin_socket: proxysql.adminSocket }),
      admin_user: proxysql.adminUser,
      admin_password_file: passwordFile,
      client_host: proxysql.clientHost,
      client_port: proxysql.clientPort,
      service: proxysql.service,
    }),
    "[[peer]]",
    keys({ name: peer.name, host: peer.host, port: peer.port, user: peer.user, key_file: places.privateKey }),
    "# The only key that the peer's sshd may show.",
    keys({ host_key: hostKey }),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

function keys(values: Readonly<Record<string, unknown>>): string {
  return stringify(values);
}

/**
 * True if a configuration that is there says all that a new one would say, whatever else it says: somebody added to it
 * what setup does not ask for, and there is no reason to touch it.
 */
export function saysTheSame(existing: Config, text: string, file: string): boolean {
  const wanted = parseConfig(text, file);
  const written = parse(text);
  for (const table of ["node", "carp", "proxysql"] as const) {
    for (const key of Object.keys(written[table] ?? {})) {
      if (!isDeepStrictEqual(keyIn(existing[table], key), keyIn(wanted[table], key))) return false;
    }
  }
  return wanted.peer.every((peer) => existing.peer.some((one) => isDeepStrictEqual(one, peer)));
}

function keyIn(table: object, key: string): unknown {
  return (table as Readonly<Record<string, unknown>>)[key];
}
