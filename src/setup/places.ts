import { isAbsolute, normalize } from "node:path";
import { KnownError } from "../platform/errors.js";

/** Where everything goes on a host, as the README's installation and rc.d/proxysql_carp have it. */
export const places = {
  privateKey: "/usr/local/etc/proxysql-carp/id_ed25519",
  publicKey: "/usr/local/etc/proxysql-carp/id_ed25519.pub",
  password: "/usr/local/etc/proxysql-carp/admin.password",
  authorizedKeys: "/usr/local/etc/proxysql-carp/authorized_keys",
  hook: "/usr/local/libexec/proxysql-carp-notify",
  devdRule: "/usr/local/etc/devd/proxysql-carp.conf",
  rcScript: "/usr/local/etc/rc.d/proxysql_carp",
  rcVariables: "/usr/local/etc/rc.conf.d/proxysql_carp",
  syslog: "/usr/local/etc/syslog.d/proxysql-carp.conf",
  newsyslog: "/usr/local/etc/newsyslog.conf.d/proxysql-carp.conf",
  periodic: "/usr/local/etc/periodic/daily/485.proxysql-carp",
  log: "/var/log/proxysql-carp.log",
  stateDir: "/var/db/proxysql-carp",
  runDir: "/var/run/proxysql-carp",
  record: "/var/db/proxysql-carp/setup.json",
  node: "/usr/local/bin/node",
  program: "/usr/local/libexec/proxysql-carp/dist/cli.js",
} as const;

/** The user that peers log in as, and its group; rc.d/proxysql_carp has the same default. */
export const linkUser = "proxysql-carp";
export const serviceName = "proxysql_carp";

/** The scratch root that is meant, "" for this host itself. `usage` if it is no absolute path. */
export function rootOf(option: string | undefined, destdir: string | undefined): string {
  const given = option ?? destdir ?? "";
  if (given === "") return "";
  if (!isAbsolute(given)) throw new KnownError("usage", `--root and DESTDIR take an absolute path.`);
  return normalize(given).replace(/\/+$/, "");
}

/** Where a path of the host is, below a scratch root. */
export function below(root: string, path: string): string {
  return `${root}${normalize(path)}`;
}
