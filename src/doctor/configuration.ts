import { stat } from "node:fs/promises";
import type { Config } from "../config/schema.js";
import { isKnown, systemCode } from "../platform/errors.js";
import { failedWith, failing, ok, type Verdict, warning, worstOf } from "./verdict.js";

/** What kind of file: secrets are for the agent alone, the configuration may be read by all. */
export type FileKind = "configuration" | "secret";

/** A file of ours as it lies on the disk; `mode` is undefined if it could not be looked at, and `error` says why. */
export interface FileSeen {
  readonly path: string;
  /** Its name in the configuration. */
  readonly key: string;
  readonly kind: FileKind;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly error: string | undefined;
}

/** How the configuration was read: the result of reading it, or the error. */
export type ConfigRead = { readonly config: Config } | { readonly error: unknown };

export function judgeConfiguration(file: string, read: ConfigRead): Verdict {
  if ("config" in read) {
    const { node, peer } = read.config;
    return ok(`${file}: node ${node.name}, peers ${peer.map(({ name }) => name).join(", ")}`);
  }
  const { error } = read;
  if (!isKnown(error, "config-invalid")) return failedWith(error);
  const [first = "", ...more] = error.message.split("\n");
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return failing(`${first}${others}`, error.hint);
}

/** Looks at the files whose modes count. */
export function lookAtFiles(file: string, { proxysql, peer }: Config): Promise<FileSeen[]> {
  const keys = new Set(peer.map(({ key_file }) => key_file));
  return Promise.all([
    lookAtFile(file, "the configuration", "configuration"),
    lookAtFile(proxysql.admin_password_file, "[proxysql] admin_password_file", "secret"),
    ...[...keys].map((path) => lookAtFile(path, "[[peer]] key_file", "secret")),
  ]);
}

async function lookAtFile(path: string, key: string, kind: FileKind): Promise<FileSeen> {
  try {
    const { mode, uid } = await stat(path);
    return { path, key, kind, mode: mode & 0o777, uid, error: undefined };
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return { path, key, kind, mode: undefined, uid: undefined, error: code };
  }
}

/**
 * What reading the configuration does not refuse by itself, as it does secrets that everybody can read. `ourUid`: who
 * the agent runs as, and so may own them beside root.
 */
export function judgeFiles(files: readonly FileSeen[], ourUid: number): Verdict {
  return worstOf(
    files.map((file) => judgeFile(file, ourUid)),
    `${files.length} files, and no secret that others can read`,
  );
}

function judgeFile({ path, key, kind, mode, uid, error }: FileSeen, ourUid: number): Verdict {
  if (mode === undefined) {
    return failing(
      `${path} cannot be looked at (${error}); it is ${key}.`,
      "Put the file there, or correct its name in the configuration.",
    );
  }
  if (uid !== 0 && uid !== ourUid) {
    return failing(
      `${path} (${key}) belongs to user id ${uid}, who can change it.`,
      `chown ${ourUid} ${path}`,
    );
  }
  if ((mode & 0o022) !== 0) {
    return failing(
      `${path} (${key}) has mode ${octal(mode)}: others can change it.`,
      `chmod ${kind === "secret" ? "0600" : "0644"} ${path}`,
    );
  }
  if (kind === "secret" && (mode & 0o070) !== 0) {
    return warning(`${path} (${key}) has mode ${octal(mode)}: its group can read it.`, `chmod 0600 ${path}`);
  }
  return ok("");
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
