import { sentenceOf } from "../platform/errors.js";
import { statOrUndefined } from "../platform/files.js";
import { type LibconfigGroup, type LibconfigValue, parseLibconfig } from "./libconfig.js";
import { below } from "./places.js";
import { readTextIfThere } from "./read.js";

/** What ProxySQL's own configuration file says. `passwords` stays in memory: it is neither shown nor logged. */
export interface FoundProxysql {
  /** The file it was found in, or null. */
  readonly file: string | null;
  /** Why that file tells nothing. */
  readonly problem: string | null;
  /** Others than its owner and group can read the file, with the password in it. */
  readonly worldReadable: boolean;
  readonly datadir: string | null;
  readonly adminHost: string | null;
  readonly adminPort: number | null;
  readonly adminSocket: string | null;
  readonly clientHost: string | null;
  readonly clientPort: number | null;
  /** Admin logins, the first one first. */
  readonly users: readonly string[];
  readonly passwords: ReadonlyMap<string, string>;
}

/** The port's, and what is usual elsewhere. */
const usualFiles = [
  "/usr/local/etc/proxysql/proxysql.cfg",
  "/usr/local/etc/proxysql/proxysql.cnf",
  "/usr/local/etc/proxysql.cfg",
  "/usr/local/etc/proxysql.cnf",
  "/etc/proxysql.cnf",
];

const nothing: FoundProxysql = {
  file: null,
  problem: null,
  worldReadable: false,
  datadir: null,
  adminHost: null,
  adminPort: null,
  adminSocket: null,
  clientHost: null,
  clientPort: null,
  users: [],
  passwords: new Map(),
};

/** Looks for ProxySQL's configuration file, or reads the one that is named. Says why nothing was found, and never throws. */
export async function findProxysql(root: string, named: string | undefined): Promise<FoundProxysql> {
  for (const file of named === undefined ? usualFiles : [named]) {
    const path = below(root, file);
    try {
      const text = await readTextIfThere(path);
      if (text === undefined) continue;
      const mode = Number((await statOrUndefined(path))?.mode ?? 0);
      return { ...readProxysql(parseLibconfig(text)), file, worldReadable: (mode & 0o004) !== 0 };
    } catch (error) {
      return { ...nothing, file, problem: sentenceOf(error) };
    }
  }
  return { ...nothing, file: named ?? null, problem: named === undefined ? null : "there is no such file" };
}

function readProxysql(config: LibconfigGroup): Omit<FoundProxysql, "file" | "worldReadable"> {
  const admin = groupOf(config.admin_variables);
  const mysql = groupOf(config.mysql_variables);
  const places = listeners(admin.mysql_ifaces);
  const tcp = places.find((one) => typeof one !== "string");
  const client = listeners(mysql.interfaces).find((one) => typeof one !== "string");
  const logins = pairs(admin.admin_credentials);
  return {
    problem: null,
    datadir: textOf(config.datadir),
    adminHost: tcp?.host ?? null,
    adminPort: tcp?.port ?? null,
    adminSocket: tcp === undefined ? (places.find((one) => typeof one === "string") ?? null) : null,
    clientHost: client?.host ?? null,
    clientPort: client?.port ?? null,
    users: logins.map(([user]) => user),
    passwords: new Map(logins),
  };
}

/** `admin:secret;other:secret`: as ProxySQL cuts them, a password may have a colon and no semicolon. */
function pairs(value: LibconfigValue | undefined): [string, string][] {
  const all = (textOf(value) ?? "").split(";").map((one) => one.trim());
  return all.flatMap((one): [string, string][] => {
    const colon = one.indexOf(":");
    return colon < 1 ? [] : [[one.slice(0, colon), one.slice(colon + 1)]];
  });
}

interface Listener {
  readonly host: string;
  readonly port: number;
}

/** `0.0.0.0:6032;/tmp/admin.sock`: who listens everywhere is asked on the loopback. */
function listeners(value: LibconfigValue | undefined): (Listener | string)[] {
  const all = (textOf(value) ?? "").split(";").map((one) => one.trim());
  return all.flatMap((one): (Listener | string)[] => {
    if (one.startsWith("/")) return [one];
    const match = /^\[?([^\]]*?)\]?:(\d{1,5})$/.exec(one);
    if (!match) return [];
    const host = match[1] ?? "";
    const port = Number(match[2]);
    if (host === "" || host === "0.0.0.0") return [{ host: "127.0.0.1", port }];
    return [{ host: host === "::" ? "::1" : host, port }];
  });
}

function textOf(value: LibconfigValue | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function groupOf(value: LibconfigValue | undefined): LibconfigGroup {
  return typeof value === "object" && !Array.isArray(value) ? (value as LibconfigGroup) : {};
}
