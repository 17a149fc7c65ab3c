import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { configText, saysTheSame } from "./config-text.js";
import { devdRuleFor } from "./devd-rule.js";
import type { KeyPair } from "./key-pair.js";
import { below, linkUser, places } from "./places.js";
import { readTextIfThere } from "./read.js";
import { authorizedKeysLine, type Serving, withKey } from "./serving.js";
import type { Settings } from "./settings.js";

/** A file as it is to be. */
export interface Wanted {
  /** On the host; below the scratch root, if there is one. */
  readonly path: string;
  /** For people: what it is, in at most 12 letters. */
  readonly what: string;
  readonly content: string;
  readonly mode: number;
  /** The group's name; root's own if null. */
  readonly group: string | null;
  /** Once it is there it stays as it is, whoever made it: keys, a password, a log. */
  readonly once: boolean;
  /** Its content is shown to nobody, and its mode keeps others from reading it. */
  readonly secret: boolean;
}

/** What the wanted files are made of. */
export interface Ingredients {
  readonly root: string;
  readonly configFile: string;
  readonly settings: Settings;
  /** The peer's host key, a public key line. */
  readonly hostKey: string;
  readonly keyPair: KeyPair;
  /** The configuration that is there. */
  readonly existing: Config | null;
  /** The admin's password, to be written unless its file is there. */
  readonly password: string | null;
  /** The peer's public key line, to be let in. */
  readonly peerKey: string | null;
  readonly serving: Serving;
}

/** What is not the usual in rc.d/proxysql_carp and the periodic script: `node`, `program` and `config`. */
type Variables = Readonly<Record<"node" | "program" | "config", string>>;

const usual: Variables = {
  node: places.node,
  program: places.program,
  config: "/usr/local/etc/proxysql-carp.toml",
};

/** All files of a host, in the order in which they are put there. Each is checked before, as far as one can. */
export async function wantedFiles(ingredients: Ingredients): Promise<Wanted[]> {
  const { root, configFile, settings, hostKey, keyPair, password, peerKey, serving, existing } = ingredients;
  const variables: Variables = { node: serving.node, program: serving.program, config: configFile };
  const config = configText(settings, hostKey);
  parseConfig(config, configFile);
  const plain = { mode: 0o644, group: null, once: false, secret: false };
  const program = { ...plain, mode: 0o555 };
  const secret = { mode: 0o600, group: null, once: true, secret: true };
  const files: Wanted[] = [
    { path: places.privateKey, what: "private key", content: keyPair.privateText, ...secret },
    { path: places.publicKey, what: "public key", content: `${keyPair.publicLine}\n`, ...plain },
  ];
  if (settings.passwordFile === places.password && password !== null)
    files.push({
      path: places.password,
      what: "password",
      content: `${password}\n`,
      ...secret,
    });
  if (peerKey !== null)
    files.push({
      path: places.authorizedKeys,
      what: "peer's key",
      content: withKey(
        (await readTextIfThere(below(root, places.authorizedKeys))) ?? "",
        authorizedKeysLine(serving, peerKey),
        peerKey,
      ),
      ...plain,
    });
  files.push(
    {
      path: configFile,
      what: "config",
      content: config,
      ...plain,
      mode: 0o640,
      group: linkUser,
      once: existing !== null && saysTheSame(existing, config, configFile),
    },
    {
      path: places.hook,
      what: "devd hook",
      content: await delivered("devd/proxysql-carp-notify"),
      ...program,
    },
    {
      path: places.devdRule,
      what: "devd rule",
      content: devdRuleFor(await delivered("devd/carp.conf"), settings.vhids),
      ...plain,
    },
    {
      path: places.rcScript,
      what: "rc script",
      content: await delivered("rc.d/proxysql_carp"),
      ...program,
    },
  );
  const unusual = rcVariables(variables);
  if (unusual !== "")
    files.push({ path: places.rcVariables, what: "rc variables", content: unusual, ...plain });
  files.push(
    {
      path: places.log,
      what: "log file",
      content: "",
      mode: 0o640,
      group: null,
      once: true,
      secret: false,
    },
    {
      path: places.syslog,
      what: "syslog",
      content: await delivered("share/syslog/proxysql-carp.conf.sample"),
      ...plain,
    },
    {
      path: places.newsyslog,
      what: "log rotation",
      content: await delivered("share/newsyslog/proxysql-carp.conf.sample"),
      ...plain,
    },
    {
      path: places.periodic,
      what: "daily mail",
      content: withDefaults(await delivered("share/periodic/485.proxysql-carp"), variables),
      ...program,
    },
  );
  return files;
}

/** rc.conf.d lines for what is not as rc.d/proxysql_carp has it by itself; empty if all is. */
function rcVariables(variables: Variables): string {
  const lines = Object.entries(variables)
    .filter(([name, value]) => usual[name as keyof Variables] !== value)
    .map(([name, value]) => `proxysql_carp_${name}="${value}"`);
  return lines.length === 0 ? "" : `# Made by \`proxysql-carp setup\`.\n${lines.join("\n")}\n`;
}

/** The same for the defaults in a script of ours: `: "${daily_proxysql_carp_node:=/usr/local/bin/node}"`. */
function withDefaults(script: string, variables: Variables): string {
  return script.replace(
    /^(: "\$\{daily_proxysql_carp_(node|program|config):=)[^}]*(\}"$)/gm,
    (_, ...parts) => {
      const [before, name, after] = parts as [string, keyof Variables, string];
      return `${before}${variables[name]}${after}`;
    },
  );
}

async function delivered(path: string): Promise<string> {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new KnownError(
      "not-done",
      `${file}, a part of this program, cannot be read: ${sentenceOf(error)}`,
      {},
      error,
    );
  }
}
