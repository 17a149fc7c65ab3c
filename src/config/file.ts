import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { KnownError, sentenceOf } from "../platform/errors.js";

export const defaultRunDir = "/var/run/proxysql-carp";
export const defaultConfigFile = "/usr/local/etc/proxysql-carp.toml";

/** The configuration file to use: `--config`, else PROXYSQL_CARP_CONFIG, else the default. */
export function configFileOf(option: string | undefined): string {
  return configFileNamedBy(option).path;
}

/** The same, and what named it. */
export function configFileNamedBy(option: string | undefined): {
  readonly path: string;
  readonly namedBy: "--config" | "PROXYSQL_CARP_CONFIG" | "default";
} {
  if (option !== undefined) return { path: option, namedBy: "--config" };
  const fromEnvironment = process.env.PROXYSQL_CARP_CONFIG;
  if (fromEnvironment !== undefined) return { path: fromEnvironment, namedBy: "PROXYSQL_CARP_CONFIG" };
  return { path: defaultConfigFile, namedBy: "default" };
}

/** The file as text, or `config-invalid` with why it cannot be read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new KnownError("config-invalid", `${file}: cannot be read: ${sentenceOf(error)}`, { file }, error);
  }
}

/** The text as TOML, not looked at any further; `config-invalid` if it is none. `file` is only named in that. */
export function parseToml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const sentence = error.message.split("\n")[0];
    throw new KnownError("config-invalid", `${file}:${error.line}:${error.column}: not TOML: ${sentence}`, {
      file,
    });
  }
}
