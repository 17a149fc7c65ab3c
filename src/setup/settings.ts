import type { CarpLine } from "../carp/ifconfig.js";
import { type Config, configSchema } from "../config/schema.js";
import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import type { FoundProxysql } from "./find-proxysql.js";
import { linkUser, places } from "./places.js";

/** What the command line, or the answers to the questions, say. All as text, and none of it trusted. */
export interface Given {
  readonly node?: string;
  readonly vhid?: readonly string[];
  readonly standby?: string;
  readonly datadir?: string;
  readonly adminHost?: string;
  readonly adminPort?: string;
  readonly adminUser?: string;
  readonly adminPasswordFile?: string;
  readonly service?: string;
  readonly peer?: string;
  readonly peerHost?: string;
  readonly peerPort?: string;
  readonly peerUser?: string;
}

/** What this host tells of itself. */
export interface Found {
  /** The host's name as a node's name, or null if it cannot be one. */
  readonly node: string | null;
  readonly carp: readonly CarpLine[];
  /** Why ifconfig told nothing. */
  readonly carpProblem: string | null;
  readonly proxysql: FoundProxysql;
  /** The configuration of an earlier setup, or of somebody's hand. */
  readonly existing: Config | null;
  /** The password's file of an earlier setup is there. */
  readonly passwordIsThere: boolean;
}

/** All that the files are made of, but for the keys. */
export interface Settings {
  readonly node: string;
  readonly vhids: readonly string[];
  readonly standby: "warm" | "cold";
  readonly proxysql: {
    readonly datadir: string;
    readonly adminHost: string;
    readonly adminPort: number;
    readonly adminSocket: string | null;
    readonly adminUser: string;
    readonly clientHost: string;
    readonly clientPort: number;
    readonly service: string;
  };
  /** The file that the configuration names. */
  readonly passwordFile: string;
  readonly peer: {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly user: string;
  };
}

const schema = configSchema.shape;
/** Names and addresses: nothing that a shell, a terminal or ssh could take for more. */
const hostPattern = /^[A-Za-z0-9][A-Za-z0-9._:%-]*$|^::[A-Za-z0-9:.%-]*$/;

/** Something of zod's that takes or refuses one value. */
interface Check {
  safeParse(value: unknown): { success: boolean; error?: { issues: readonly { message: string }[] } };
}

/**
 * What is to be set up: an option counts before an earlier configuration, that before what was found, that before the
 * default. `usage` with every mistake and everything that is missing, one a line.
 */
export function settle(given: Given, found: Found): Settings {
  const mistakes: string[] = [];
  const { existing, proxysql } = found;
  // What is known of one peer says nothing of another.
  const before = existing?.peer.find(({ name }) => given.peer === undefined || name === given.peer);

  function text(option: string, values: readonly (string | null | undefined)[], check: Check): string {
    const value = firstOf(values);
    if (value === undefined) {
      mistakes.push(`${option} is needed: it could not be found out.`);
      return "";
    }
    const result = check.safeParse(value);
    if (!result.success) {
      const expected = result.error?.issues[0]?.message ?? "something else";
      mistakes.push(`${option}: expected ${expected}, found "${printable(value).slice(0, 60)}".`);
    }
    return value;
  }
  function port(option: string, values: readonly (string | number | null | undefined)[]): number {
    const value = firstOf(values);
    const number = /^\d{1,5}$/.test(String(value)) ? Number(value) : 0;
    if (number < 1 || number > 65_535) {
      mistakes.push(
        `${option}: expected a port, 1 to 65535, found "${printable(String(value)).slice(0, 60)}".`,
      );
    }
    return number;
  }
  function host(option: string, values: readonly (string | null | undefined)[]): string {
    return text(
      option,
      values,
      expecting("an address or a host's name", (value) => hostPattern.test(value)),
    );
  }

  const node = text("--node", [given.node, existing?.node.name, found.node], schema.node.shape.name);
  const vhids = given.vhid ?? existing?.carp.vhids ?? found.carp.map(({ vhid }) => vhid);
  if (vhids.length === 0) mistakes.push("--vhid is needed: ifconfig tells of none.");
  for (const [index, vhid] of vhids.entries()) {
    text("--vhid", [vhid], schema.carp.shape.vhids.element);
    if (vhids.indexOf(vhid) < index) mistakes.push(`--vhid: "${printable(vhid)}" is given twice.`);
  }
  const standby = text(
    "--standby",
    [given.standby, existing?.carp.standby, "warm"],
    expecting('"warm" or "cold"', (value) => ["warm", "cold"].includes(value)),
  );
  const absolute = expecting("an absolute path", (value) => value.startsWith("/"));
  const earlier = existing?.proxysql;
  const socket = [given.adminHost, given.adminPort].some((one) => one !== undefined)
    ? null
    : (earlier?.admin_socket ?? (earlier === undefined ? proxysql.adminSocket : null));
  const settings: Settings = {
    node,
    vhids,
    standby: standby === "cold" ? "cold" : "warm",
    proxysql: {
      datadir: text(
        "--datadir",
        [given.datadir, earlier?.datadir, proxysql.datadir, "/var/db/proxysql"],
        absolute,
      ),
      adminHost: host("--admin-host", [
        given.adminHost,
        earlier?.admin_host,
        proxysql.adminHost,
        "127.0.0.1",
      ]),
      adminPort: port("--admin-port", [given.adminPort, earlier?.admin_port, proxysql.adminPort, 6032]),
      adminSocket: socket ?? null,
      adminUser: text(
        "--admin-user",
        [given.adminUser, earlier?.admin_user, proxysql.users[0], "admin"],
        expecting("a user's name", (value) => value !== "" && printable(value) === value),
      ),
      clientHost: firstOf([earlier?.client_host, proxysql.clientHost]) ?? "127.0.0.1",
      clientPort: firstOf([earlier?.client_port, proxysql.clientPort]) ?? 6033,
      service: text(
        "--service",
        [given.service, earlier?.service, "proxysql"],
        expecting("the name of an rc service", (value) => /^[A-Za-z0-9_]+$/.test(value)),
      ),
    },
    passwordFile: text(
      "--admin-password-file",
      [given.adminPasswordFile, earlier?.admin_password_file, places.password],
      absolute,
    ),
    peer: {
      name: text("--peer", [given.peer, before?.name], schema.peer.element.shape.name),
      host: host("--peer-host", [given.peerHost, before?.host]),
      port: port("--peer-port", [given.peerPort, before?.port, 22]),
      user: text(
        "--peer-user",
        [given.peerUser, before?.user, linkUser],
        expecting("a user's name", (value) => /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(value)),
      ),
    },
  };
  if (settings.node !== "" && settings.node === settings.peer.name)
    mistakes.push(
      `--peer: expected another name than this node's, found "${printable(settings.node)}" for both.`,
    );
  if (
    settings.passwordFile === places.password &&
    !found.passwordIsThere &&
    passwordOf(settings, found) === null
  ) {
    mistakes.push(
      "--admin-password-file is needed: the admin's password was not found in ProxySQL's configuration file.",
    );
  }
  if (mistakes.length > 0) throw new KnownError("usage", mistakes.join("\n"));
  return settings;
}

/** The admin's password as ProxySQL's configuration file has it, or null. */
export function passwordOf({ proxysql }: Pick<Settings, "proxysql">, found: Found): string | null {
  return found.proxysql.passwords.get(proxysql.adminUser) ?? null;
}

/** A host's name as the name of a node: its first label, without what such a name may not have. null if nothing is left. */
export function nodeNameOf(hostname: string): string | null {
  const name = (hostname.split(".")[0] ?? "")
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^[-_]+/, "")
    .slice(0, 63);
  return name === "" ? null : name;
}

function firstOf<T>(values: readonly (T | null | undefined)[]): T | undefined {
  return values.find((value): value is T => value !== undefined && value !== null);
}

function expecting(what: string, is: (value: string) => boolean): Check {
  return {
    safeParse: (value) =>
      is(String(value)) ? { success: true } : { success: false, error: { issues: [{ message: what }] } },
  };
}
