import { KnownError } from "../platform/errors.js";

const usualPort = 3306;

/** `db1:3306`, `db1` or `[2001:db8::1]:3306` as host and port. Errors: `usage`, naming the argument. */
export function parsePlace(text: string, argument: string): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  const port = parts?.[3] === undefined ? usualPort : Number(parts[3]);
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw new KnownError(
    "usage",
    `${argument}: expected a host and a port, such as db1:3306 or [2001:db8::1]:3306, found "${text}".`,
  );
}
