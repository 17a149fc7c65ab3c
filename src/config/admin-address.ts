import type { Config } from "./schema.js";

/** Where ProxySQL's admin is, and how to log in there. */
export function adminAddress({ proxysql }: Pick<Config, "proxysql">): {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly passwordFile: string;
  readonly socketPath?: string;
} {
  return {
    host: proxysql.admin_host,
    port: proxysql.admin_port,
    user: proxysql.admin_user,
    passwordFile: proxysql.admin_password_file,
    ...(proxysql.admin_socket === undefined ? {} : { socketPath: proxysql.admin_socket }),
  };
}
