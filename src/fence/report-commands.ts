import { printable } from "../platform/printable.js";
import type { LogFile } from "./report-logs.js";

/** Whom a command reads from, and as whom. */
export interface ReadFrom {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** What of the binary logs is wanted. */
export interface Wanted {
  readonly files: readonly LogFile[];
  /** MySQL: the set, for --include-gtids. */
  readonly gtids: string;
}

/** A text as one word of a POSIX shell. What a terminal might obey is shown by its number, and so is harmless there. */
export function shellWord(text: string): string {
  const shown = printable(text);
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(shown)) return shown;
  return `'${shown.replaceAll("'", "'\\''")}'`;
}

/**
 * The command that prints the wanted transactions from a MySQL server: exactly these, out of whole files. The password
 * is asked for: on a command line every user of the host could read it.
 */
export function mysqlCommand(from: ReadFrom, { files, gtids }: Wanted): string | null {
  if (files.length === 0) return null;
  return line("mysqlbinlog", from, [`--include-gtids=${gtids}`, ...files.map(({ name }) => name)]);
}

/**
 * The same for MariaDB, by positions in bytes: from the first one's begin in the first file to the last one's end in the
 * last. Not by GTID: mariadb-binlog takes one since 10.8 only, and given several files of a server it ends after the
 * first (seen with 10.11). What others lie between is kept out by domain and server id, which 10.9 and later know; where
 * nothing lies between, no such option is there.
 */
export function mariadbCommand(
  from: ReadFrom,
  { files, sources }: { readonly files: readonly LogFile[]; readonly sources: readonly string[] },
): string | null {
  const [first, last] = [files[0], files.at(-1)];
  if (first === undefined || last === undefined) return null;
  const begin = first.first === null ? [] : [`--start-position=${first.first.position}`];
  const end = last.last === null ? [] : [`--stop-position=${last.last.end}`];
  const sure = files.every(({ others, scanned }) => scanned && others === 0);
  const ids = (part: 0 | 1): string => [...new Set(sources.map((one) => one.split("-")[part]))].join(",");
  const filter = sure ? [] : [`--do-domain-ids=${ids(0)}`, `--do-server-ids=${ids(1)}`];
  return line("mariadb-binlog", from, [...begin, ...end, ...filter, ...files.map(({ name }) => name)]);
}

function line(program: string, { host, port, user }: ReadFrom, rest: readonly string[]): string {
  const login = [`--host=${host}`, `--port=${port}`, `--user=${user}`, "--password"];
  return [program, "--read-from-remote-server", ...login, "--verbose", ...rest].map(shellWord).join(" ");
}
