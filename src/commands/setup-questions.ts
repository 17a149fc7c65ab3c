import { isKnown } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { type Found, type Given, passwordOf, type Settings, settle } from "../setup/settings.js";
import { ask, askHidden } from "./ask.js";

/** The answers, and what was found together with a password that was typed. */
export interface Answers {
  readonly given: Given;
  readonly found: Found;
}

/**
 * Asks for everything that the command line does not say, with what was found as the answer that Enter gives; once more
 * if the answers do not fit together.
 */
export async function askForSettings(options: Given, atFirst: Found): Promise<Answers> {
  let given = options;
  let found = atFirst;
  for (;;) {
    given = await askAll(options, given, found);
    found = await askForPassword(given, found);
    try {
      settle(given, found);
      return { given, found };
    } catch (error) {
      if (!isKnown(error, "usage")) throw error;
      process.stderr.write(`\n${error.message}\nOnce more, then:\n`);
    }
  }
}

async function askAll(
  options: Given,
  before: Given,
  { node, carp, existing, proxysql }: Found,
): Promise<Given> {
  const peer = existing?.peer[0];
  async function question(
    key: Exclude<keyof Given, "vhid">,
    text: string,
    found: string | number | null | undefined,
  ): Promise<Partial<Given>> {
    if (options[key] !== undefined) return { [key]: options[key] };
    const usual = before[key] ?? (found === undefined || found === null ? undefined : String(found));
    const answer = await ask(text, usual === undefined ? {} : { default: printable(usual) });
    return answer === "" ? {} : { [key]: answer };
  }
  const vhids = before.vhid ?? existing?.carp.vhids ?? carp.map(({ vhid }) => vhid);
  return {
    ...options,
    ...(await question("node", "Name of this node", existing?.node.name ?? node)),
    vhid: options.vhid ?? (await askForVhids(vhids)),
    ...(await question("standby", "Passive ProxySQL: warm or cold", existing?.carp.standby ?? "warm")),
    ...(await question(
      "datadir",
      "ProxySQL's data directory",
      existing?.proxysql.datadir ?? proxysql.datadir ?? "/var/db/proxysql",
    )),
    ...(await question(
      "adminUser",
      "User of ProxySQL's admin",
      existing?.proxysql.admin_user ?? proxysql.users[0] ?? "admin",
    )),
    ...(await question("peer", "Name of the peer", peer?.name)),
    ...(await question("peerHost", "Its own address, not the shared one", peer?.host)),
    ...(await question("peerPort", "Port of its sshd", peer?.port ?? 22)),
  };
}

async function askForVhids(usual: readonly string[]): Promise<string[]> {
  const answer = await ask(
    "CARP vhids, the leading one first",
    usual.length === 0 ? {} : { default: usual.join(" ") },
  );
  return answer.split(/[\s,]+/).filter((one) => one !== "");
}

/** Only if nothing else has it. It is typed without an echo, and goes into its file alone. */
async function askForPassword(given: Given, found: Found): Promise<Found> {
  const user = given.adminUser ?? "admin";
  const login: Pick<Settings, "proxysql"> = { proxysql: { adminUser: user } as Settings["proxysql"] };
  const elsewhere = given.adminPasswordFile ?? found.existing?.proxysql.admin_password_file;
  if (elsewhere !== undefined || found.passwordIsThere || passwordOf(login, found) !== null) return found;
  const typed = await askHidden(`Password of "${printable(user)}" at ProxySQL's admin (not shown)`);
  if (typed === "") return found;
  const passwords = new Map([...found.proxysql.passwords, [user, typed]]);
  return { ...found, proxysql: { ...found.proxysql, passwords } };
}
