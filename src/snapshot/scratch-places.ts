import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { KnownError } from "../platform/errors.js";
import type { ScratchLogins, ScratchSockets } from "./scratch-database.js";

/** What a scratch ProxySQL has, all below one directory. */
export interface ScratchPlaces {
  /** Its data directory, the only one that it can write to. */
  readonly data: string;
  readonly config: string;
  /** The password of its admin, for us alone. */
  readonly password: string;
  readonly sockets: ScratchSockets;
}

export const scratchAdmin = "drill";

/** FreeBSD has room for 104 bytes in `sun_path`, one of them the zero at the end. ProxySQL cuts a longer path off. */
const socketPathLimit = 103;

/**
 * The places below a directory. It listens on Unix sockets in its own data directory: no port can clash with one that the
 * real ProxySQL has or will have, and nobody else can connect. A path that ProxySQL would misread is `not-done`.
 */
export function placesIn(dir: string): ScratchPlaces {
  const data = join(dir, "data");
  const sockets: ScratchSockets = {
    admin: join(data, "admin.sock"),
    client: join(data, "client.sock"),
    other: (name) => join(data, `${name}.sock`),
  };
  const longest = Math.max(...[sockets.admin, sockets.client].map((path) => Buffer.byteLength(path)));
  if (longest > socketPathLimit) {
    throw new KnownError(
      "not-done",
      `${sockets.client} is longer than a socket's path can be (${socketPathLimit} bytes): [node] state_dir is too long for a drill.`,
    );
  }
  // `:` and `;` part addresses, `[` begins one of IPv6, the others end a text in ProxySQL's configuration file.
  if (/[:;[\]"\\\p{Cc}]/u.test(dir)) {
    throw new KnownError(
      "not-done",
      `${dir} has characters that ProxySQL does not take in a socket's path: [node] state_dir does not allow a drill.`,
    );
  }
  return { data, config: join(dir, "proxysql.cnf"), password: join(dir, "admin.password"), sockets };
}

/** Logins for one drill. The snapshot's own are another host's business, and this agent need not know them. */
export function makeLogins(): ScratchLogins & { readonly password: string } {
  const [password, stats] = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
  return { password, admin: `${scratchAdmin}:${password}`, stats: `${scratchAdmin}stats:${stats}` };
}
