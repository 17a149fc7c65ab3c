import type { SetupOptions } from "../commands/setup.js";
import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `setup`. */
export function registerSetup({ program, configFile, finish }: Cli): void {
  withExamples(
    program
      .command("setup")
      .description(
        "set this host up, step by step, or take all of it back; shows first what it is going to do",
      )
      .option("--yes", "ask nothing: options and what is found count")
      .option("--dry-run", "only show what would be done")
      .option("--remove", "take back what setup made; what somebody changed since stays")
      .option(
        "--force",
        "overwrite what somebody else made or changed, keeping a copy; with --remove, take it too",
      )
      .option("--enable", "also set proxysql_carp_enable in rc.conf")
      .option("--root <dir>", "put everything below this directory (else DESTDIR, else /)")
      .option("--json", "one JSON document instead of text; asks nothing")
      .option("--node <name>", "this node's name (else the host's)")
      .option("--vhid <vhid...>", "CARP's vhids, the leading one first (else what ifconfig shows)")
      .option("--standby <kind>", "warm or cold")
      .option("--peer <name>", "the peer's name")
      .option("--peer-host <host>", "the peer's own address, not the shared one")
      .option("--peer-port <port>", "the port of its sshd")
      .option("--peer-user <user>", "whom to log in there as")
      .option("--peer-key <key>", "the peer's public key, a line or a file, to let it in here")
      .option("--host-key <key>", "the peer's host key, a line or a file, if it is not to be fetched")
      .option("--host-key-fingerprint <fingerprint>", "what its host key must have, such as SHA256:...")
      .option("--proxysql-config <file>", "ProxySQL's own configuration file")
      .option("--datadir <dir>", "ProxySQL's data directory")
      .option("--admin-host <host>", "address of ProxySQL's admin")
      .option("--admin-port <port>", "its port")
      .option("--admin-user <user>", "its login")
      .option("--admin-password-file <file>", "a file with its password, mode 0600, used where it is")
      .option("--service <name>", "rc service that starts and stops ProxySQL")
      .action(async (options: SetupOptions) =>
        finish((await import("../commands/setup.js")).setup(await configFile(), options)),
      ),
    [
      ["proxysql-carp setup", "answer questions, see what will be done, and say yes"],
      ["proxysql-carp setup --yes --peer b --peer-host 192.0.2.12 --host-key b.pub", "the same for a script"],
      ["proxysql-carp setup --yes --peer-key /root/b.pub", "later: let the peer in with its key"],
      ["proxysql-carp setup --remove --dry-run", "what would go, and what would stay?"],
    ],
  );
}
