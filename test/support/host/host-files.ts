import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Users that exist on the hosts only, not on the machine the test runs on. */
export const linkUser = { name: "proxysql-carp", id: 61_001 };
export const proxysqlUser = { name: "proxysql", id: 61_002 };

export const vhid = "9@em0";
export const sharedAddress = "192.0.2.100";
/** The peer link's sshd; the shared host's port stays free. */
export const adminPassword = "admin";

/** Where everything of one host lies, below `root`. */
export type Places = ReturnType<typeof placesOf>;

export function placesOf(root: string) {
  return {
    root,
    /** The checkout, mounted here: its own parents may be closed to the hosts' users. */
    app: join(root, "app"),
    node: join(root, "node"),
    home: join(root, "home"),
    etc: join(root, "etc"),
    config: join(root, "etc", "proxysql-carp.toml"),
    stateDir: join(root, "db"),
    /** Mounted over /run: devd.pipe is where it is on FreeBSD. */
    varRun: join(root, "run"),
    runDir: join(root, "run", "proxysql-carp"),
    datadir: join(root, "proxysql"),
    hostState: join(root, "host"),
    logs: join(root, "log"),
    adminBridge: join(root, "admin.sock"),
    /** Mounted over /usr/local/etc, where devd looks for the project's rule. */
    localEtc: join(root, "local-etc"),
    /** What `[proxysql] program` names. */
    proxysqlProgram: join(root, "proxysql-program"),
    /** What came to the ProxySQL stand-in's admin, and each change of its servers: see standin-control.ts. */
    statementsTrace: join(root, "statements.jsonl"),
    serversTrace: join(root, "servers.jsonl"),
  };
}

/** One host as the others have to know it. */
export type Identity = {
  readonly name: string;
  readonly address: string;
  /** Public key lines. */
  readonly hostKey: string;
  readonly clientKey: string;
};

/** /etc/passwd and so on with the hosts' users, for the overlay of a network namespace. */
export function userOverlay(home: string): Record<string, string> {
  const ours = (name: string) => (line: string) => line !== "" && !line.startsWith(`${name}:`);
  const without = (file: string): string[] =>
    readFileSync(file, "utf8").split("\n").filter(ours(linkUser.name)).filter(ours(proxysqlUser.name));
  const id = (user: { id: number }): string => `x:${user.id}`;
  return {
    passwd: `${[
      ...without("/etc/passwd"),
      `${linkUser.name}:${id(linkUser)}:${linkUser.id}::${home}:/bin/sh`,
      `${proxysqlUser.name}:${id(proxysqlUser)}:${proxysqlUser.id}::/nonexistent:/usr/sbin/nologin`,
    ].join("\n")}\n`,
    group: `${[
      ...without("/etc/group"),
      `${linkUser.name}:${id(linkUser)}:`,
      `${proxysqlUser.name}:${id(proxysqlUser)}:`,
    ].join("\n")}\n`,
    // `*`: no password fits, yet the account is not locked, which sshd would refuse.
    shadow: `${[
      ...without("/etc/shadow"),
      `${linkUser.name}:*:19000:0:99999:7:::`,
      `${proxysqlUser.name}:*:19000:0:99999:7:::`,
    ].join("\n")}\n`,
  };
}

/** Makes the directories of a host, with the owners that rc.d/proxysql_carp gives them, and its SSH keys. */
export function prepareFiles(places: Places, name: string, address: string): Identity {
  mkdirSync(places.root, { mode: 0o755 });
  for (const directory of [
    places.app,
    places.etc,
    places.logs,
    places.hostState,
    join(places.hostState, "carp", vhid),
    join(places.localEtc, "devd"),
  ]) {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  }
  mkdirSync(places.runDir, { recursive: true, mode: 0o755 });
  mkdirSync(places.stateDir, { mode: 0o711 });
  mkdirSync(join(places.stateDir, "spool"), { mode: 0o700 });
  for (const directory of ["inbox", "outbox", "quarantine"]) {
    ownedDirectory(join(places.stateDir, directory), linkUser.id);
  }
  ownedDirectory(places.datadir, proxysqlUser.id);
  ownedDirectory(places.home, linkUser.id);
  ownedDirectory(join(places.home, ".ssh"), linkUser.id);
  writeFileSync(places.node, "");
  chmodSync(places.node, 0o755);
  copyFileSync("devd/carp.conf", join(places.localEtc, "devd", "proxysql-carp.conf"));
  writeFileSync(join(places.hostState, "address"), `${address}\n`);
  writeFileSync(join(places.hostState, "carp", vhid, "address"), `${sharedAddress}\n`);
  writeFileSync(join(places.etc, "admin.password"), `${adminPassword}\n`, { mode: 0o600 });
  const hostKey = makeKey(join(places.etc, "ssh_host_ed25519_key"), `host ${name}`);
  const clientKey = makeKey(join(places.etc, "id_ed25519"), `link ${name}`);
  return { name, address, hostKey, clientKey };
}

/** A database of the real ProxySQL as its data directory holds it, and the configuration file it was started with. */
export function prepareProxysql(places: Places, database: string, command: readonly string[]): void {
  const db = join(places.datadir, "proxysql.db");
  copyFileSync(database, db);
  chmodSync(db, 0o600);
  chownSync(db, proxysqlUser.id, proxysqlUser.id);
  const cnf = join(places.etc, "proxysql.cfg");
  writeFileSync(
    cnf,
    `datadir="${places.datadir}"\nadmin_variables=\n{\n\tadmin_credentials="admin:${adminPassword}"\n}\n`,
  );
  // A file of its own: the stand-in is more than one word.
  writeFileSync(places.proxysqlProgram, `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`, { mode: 0o755 });
  const user = [`--reuid=${proxysqlUser.id}`, `--regid=${proxysqlUser.id}`, "--clear-groups"];
  for (const trace of [places.statementsTrace, places.serversTrace]) {
    writeFileSync(trace, "");
    chownSync(trace, proxysqlUser.id, proxysqlUser.id);
  }
  const traces = [
    `PROXYSQL_STANDIN_STATEMENTS=${places.statementsTrace}`,
    `PROXYSQL_STANDIN_SERVERS=${places.serversTrace}`,
  ];
  const options = ["-f", "-c", cnf, "-D", places.datadir, "--no-version-check"];
  writeFileSync(
    join(places.hostState, "proxysql.command"),
    `${["setpriv", ...user, "--", "/usr/bin/env", ...traces, ...command, ...options].join("\n")}\n`,
  );
}

/** What the agent and sshd read. `more` is TOML put below the tables' own keys, such as `{ carp: 'settle = "1s"' }`. */
export function writeConfigs(
  places: Places,
  self: Identity,
  peers: readonly Identity[],
  standby: "warm" | "cold",
  more: Readonly<Record<string, string>> = {},
): void {
  const peerTables = peers.map((peer) =>
    [
      "[[peer]]",
      `name = "${peer.name}"`,
      `host = "${peer.address}"`,
      `user = "${linkUser.name}"`,
      `key_file = "${join(places.etc, "id_ed25519")}"`,
      `host_key = "${peer.hostKey}"`,
    ].join("\n"),
  );
  const config = [
    `[node]\nname = "${self.name}"\nstate_dir = "${places.stateDir}"\nrun_dir = "${places.runDir}"\n${more.node ?? ""}`,
    `[carp]\nvhids = ["${vhid}"]\nstandby = "${standby}"\n${more.carp ?? ""}`,
    `[proxysql]\ndatadir = "${places.datadir}"\nowner = "${proxysqlUser.name}:${proxysqlUser.name}"`,
    `admin_password_file = "${join(places.etc, "admin.password")}"\nprogram = "${places.proxysqlProgram}"\n${more.proxysql ?? ""}`,
    ...["snapshots", "http", "alerts", "orchestrator", "fence", "stonith", "lock"].flatMap((table) =>
      more[table] === undefined ? [] : [`[${table}]\n${more[table]}`],
    ),
    `[log]\nlevel = "debug"`,
    ...peerTables,
  ];
  writeFileSync(
    places.config,
    `${config.join("\n\n").replace('"\n\nadmin_password', '"\nadmin_password')}\n`,
  );

  const serve = `${places.node} ${places.app}/dist/cli.js --config ${places.config} serve`;
  const keys = peers.map((peer) => `command="${serve}",restrict ${peer.clientKey}`);
  const authorized = join(places.home, ".ssh", "authorized_keys");
  writeFileSync(authorized, `${keys.join("\n")}\n`, { mode: 0o600 });
  chownSync(authorized, linkUser.id, linkUser.id);
  const sshd = [
    `HostKey ${join(places.etc, "ssh_host_ed25519_key")}`,
    "PidFile none",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    `AuthorizedKeysFile ${authorized}`,
    `AllowUsers ${linkUser.name}`,
    "LogLevel VERBOSE",
  ];
  writeFileSync(join(places.etc, "sshd_config"), `${sshd.join("\n")}\n`);
}

function ownedDirectory(path: string, id: number): void {
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, id, id);
}

function makeKey(path: string, comment: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path]);
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ").trim();
}
