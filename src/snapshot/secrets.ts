import type { ConfigurationDiff, RowDifference, Value } from "./difference.js";

/** What stands in place of a secret. Neither its length nor a digest, from which a short one could be found. */
export const mask = "***";

const secretColumns = new Set([
  "mysql_users.password",
  "pgsql_users.password",
  "clickhouse_users.password",
  "mysql_servers_ssl_params.ssl_key",
  "pgsql_servers_ssl_params.ssl_key",
]);

/** `admin-admin_credentials`, `mysql-monitor_password`, `admin-cluster_password`, `mysql-ssl_p2s_key`, `ldap-...pass`. */
const secretVariable = /pass(word|wd|phrase)?($|_)|credential|secret|token|ssl_p2s_key$|private_key/i;

/** Columns in which ProxySQL or an operator may keep a password among other things. */
const maybeSecret = /pass(word|wd)?|secret|token/i;
const mixedColumns = new Set([
  "mysql_users.attributes",
  "pgsql_users.attributes",
  ...["arg1", "arg2", "arg3", "arg4", "arg5"].map((column) => `scheduler.${column}`),
]);

/** True if a variable's value is not to be shown. */
export function isSecretVariable(name: string): boolean {
  return secretVariable.test(name);
}

/** The same difference without its secrets: that a password has changed is told, and not what it is. */
export function masked(diff: ConfigurationDiff): ConfigurationDiff {
  const tables = diff.tables.map((table) => ({
    ...table,
    rows: table.rows.map((row) => maskedRow(table.table, row)),
  }));
  return { ...diff, tables };
}

function maskedRow(table: string, row: RowDifference): RowDifference {
  const name = row.key.variable_name;
  const whole = table === "global_variables" && typeof name === "string" && isSecretVariable(name);
  const shown = (column: string, value: Value): Value => {
    const secret = (whole && column === "variable_value") || isSecret(`${table}.${column}`, value);
    return secret && value !== null && value !== "" ? mask : value;
  };
  const maskedOf = (values: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(values).map(([column, value]) => [column, shown(column, value)]));
  return {
    ...row,
    key: maskedOf(row.key),
    row: row.row && maskedOf(row.row),
    columns: row.columns.map(({ column, from, to }) => ({
      column,
      from: shown(column, from),
      to: shown(column, to),
    })),
  };
}

function isSecret(column: string, value: Value): boolean {
  return secretColumns.has(column) || (mixedColumns.has(column) && maybeSecret.test(String(value)));
}
