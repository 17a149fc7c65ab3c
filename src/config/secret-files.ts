import { type Stats, statSync } from "node:fs";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import type { KeyPath } from "./locate.js";
import type { Config } from "./schema.js";

/** Bits of a mode: what everybody may do, and what the group may do besides. */
const everybody = 0o007;
const groupAndEverybody = 0o077;

/** A mistake in the configuration: where, and what was expected and found there. */
export interface Mistake {
  readonly path: KeyPath;
  readonly sentence: string;
}

/**
 * What is wrong with the files of secrets that a configuration names: everybody on the host may read or change a
 * password, or anybody but its owner a private key (ssh(1) would refuse that key too). The files themselves are
 * not read. One that is not there yet, or stands where this user cannot look, is no mistake of the configuration.
 */
export function secretFileMistakes(config: Config): Mistake[] {
  const passwords = [
    { path: ["proxysql", "admin_password_file"], file: config.proxysql.admin_password_file },
    { path: ["orchestrator", "secret_file"], file: config.orchestrator?.secret_file },
    { path: ["lock", "secret_file"], file: config.lock.secret_file },
    { path: ["fence", "mysql_password_file"], file: config.fence.mysql_password_file },
  ].map(({ path, file }) => ({ path, sentence: file === undefined ? undefined : exposed(file, everybody) }));
  const keys = config.peer.map(({ key_file }, index) => ({
    path: ["peer", index, "key_file"],
    sentence: exposed(key_file, groupAndEverybody),
  }));
  return [...passwords, ...keys].flatMap(({ path, sentence }) =>
    sentence === undefined ? [] : [{ path, sentence }],
  );
}

function exposed(file: string, bits: number): string | undefined {
  const facts = look(file);
  if (facts === undefined || !facts.isFile() || (facts.mode & bits) === 0) return undefined;
  const mode = (facts.mode & 0o7777).toString(8).padStart(4, "0");
  const who = (facts.mode & everybody) === 0 ? "the group of the file" : "every user of this host";
  const name = printable(file);
  return `expected a file for its owner alone, found ${name} with mode ${mode}, open to ${who}. Run \`chmod 0600 ${name}\`, and replace what is in it if somebody may have read it.`;
}

function look(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return undefined;
    throw new KnownError(
      "config-invalid",
      `${file}: cannot be looked at: ${sentenceOf(error)}`,
      { file },
      error,
    );
  }
}
