import { isWholeHostKey } from "../config/host-key.js";
import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { linkUser, places } from "./places.js";
import { readTextIfThere } from "./read.js";

/** What a peer runs when this node logs in. */
export interface Serving {
  readonly node: string;
  readonly program: string;
  readonly configFile: string;
}

/** A line of authorized_keys that lets the owner of a key do one thing: speak the link's protocol. */
export function authorizedKeysLine({ node, program, configFile }: Serving, publicLine: string): string {
  // sshd takes \" for a quote inside, and gives what is left to the user's shell.
  const command = [node, program, "--config", configFile, "serve"].map(word).join(" ");
  return `command="${command.replaceAll('"', '\\"')}",restrict ${publicLine}`;
}

function word(text: string): string {
  return /^[A-Za-z0-9_./@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** What sshd_config needs on every node, for the user that peers log in as. */
export const sshdSnippet = [
  `Match User ${linkUser}`,
  `    AuthorizedKeysFile ${places.authorizedKeys}`,
  "    AuthenticationMethods publickey",
  "    DisableForwarding yes",
  "    PermitTTY no",
  "    PermitUserRC no",
].join("\n");

/**
 * A public key as one line, from the line itself or from a file such as the peer's id_ed25519.pub. `usage` for anything
 * else: a line with options in front of the key, or two lines, would let in more than is meant.
 */
export async function publicKeyGiven(option: string, given: string): Promise<string> {
  const isLine = /^(ssh-|ecdsa-)/.test(given.trimStart());
  const text = isLine ? given : await readTextIfThere(given).catch(() => undefined);
  const what = isLine ? option : `${option} ${printable(given)}`;
  if (text === undefined)
    throw new KnownError("usage", `${what}: no public key line, and no file that can be read.`);
  const line = text.trim();
  const [type = "", key = "", ...comment] = line.split(/[ \t]+/);
  if (/[\r\n]/.test(line) || !isWholeHostKey(`${type} ${key}`)) {
    throw new KnownError(
      "usage",
      `${what}: expected one public key line such as "ssh-ed25519 AAAA...", found "${printable(line).slice(0, 60)}".`,
    );
  }
  return [type, key, printable(comment.join(" "))].filter((part) => part !== "").join(" ");
}

/** authorized_keys with a line for this key: what else stands there stays, an older line for the same key does not. */
export function withKey(existing: string, line: string, publicLine: string): string {
  const key = publicLine.split(" ")[1] ?? "";
  const others = existing.split("\n").filter((one) => one !== "" && !one.split(/\s+/).includes(key));
  return `${[...others, line].join("\n")}\n`;
}
