import { stringify } from "smol-toml";
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
