import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { makeKeyPair } from "../../support/ssh-keys.js";

export const program = join(import.meta.dirname, "../../../dist/cli.js");
const standins = join(import.meta.dirname, "../../support/host/bin");

export const password = "s3cret'\\\" $(id) #pw";
export const config = "usr/local/etc/proxysql-carp.toml";

/** A public host key line that nobody has the private half of. */
export const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both. */
  readonly output: string;
}

/** A scratch root with ProxySQL's port in it, and the stand-in ifconfig's host. */
export interface Host {
  readonly dir: string;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  setup(...args: readonly string[]): Promise<Ended>;
  /** With all that --yes needs, and a host key that needs no network. */
  yes(...args: readonly string[]): Promise<Ended>;
  read(path: string): string;
  write(path: string, text: string, mode?: number): void;
  mode(path: string): string;
  /** Adds a stand-in for one of FreeBSD's programs. */
  addProgram(name: string, body: string): void;
}

export function makeHost(name = "root"): Host {
  const dir = mkdtempSync(join(tmpdir(), "setup-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return hostIn(dir, name);
}

export function hostIn(dir: string, name: string): Host {
  const root = join(dir, name);
  const bin = join(dir, "bin");
  const state = join(dir, "state");
  const env = {
    ...process.env,
    PATH: `${bin}:${standins}:${process.env.PATH}`,
    HOST_STATE: state,
    DESTDIR: "",
    PROXYSQL_CARP_CONFIG: "/usr/local/etc/proxysql-carp.toml",
  };
  for (const one of [bin, root, join(state, "carp", "9@em0")]) mkdirSync(one, { recursive: true });
  writeFileSync(join(state, "carp", "9@em0", "role"), "MASTER\n");
  const setup = (...args: readonly string[]): Promise<Ended> => run(env, ["setup", "--root", root, ...args]);
  const host: Host = {
    ...{ dir, root, env, setup },
    yes: (...args) => setup("--yes", ...known, ...args),
    read: (path) => readFileSync(join(root, path), "utf8"),
    write: (path, text, mode = 0o644) => {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), text);
      chmodSync(join(root, path), mode);
    },
    mode: (path) => (lstatSync(join(root, path)).mode & 0o7777).toString(8).padStart(4, "0"),
    addProgram: (file, body) => {
      writeFileSync(join(bin, file), `#!/bin/sh\n${body}\n`);
      chmodSync(join(bin, file), 0o755);
    },
  };
  host.write("usr/local/etc/proxysql/proxysql.cfg", proxysqlConfig(password), 0o640);
  host.write("usr/local/etc/rc.d/proxysql", "#!/bin/sh\n", 0o555);
  mkdirSync(join(root, "var/db/proxysql"), { recursive: true });
  return host;
}

/** What a call without a network and without questions needs. */
export const known = ["--node", "a", "--peer", "b", "--peer-host", "192.0.2.12", "--host-key", hostKey];

/** As the port has it, shortened. */
export function proxysqlConfig(secret: string): string {
  const quoted = secret.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `datadir="/var/db/proxysql" # here
/* admin_credentials="not:this" */
admin_variables=
{
	admin_credentials="admin:${quoted};radmin:other"
	mysql_ifaces="0.0.0.0:16032;/tmp/proxysql_admin.sock"
}
mysql_variables=
{
	threads=4
	interfaces="0.0.0.0:16033"
};
mysql_servers = ( { address="127.0.0.1" , port=3306 , hostgroup=0 }, { address="127.0.0.2" } )
scheduler=
(
)
`;
}

export function run(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr, output: stdout + stderr });
    });
  });
}

/** Every name below a directory, with what it is: `f 0644 0:0 sha256`, `d 0755 0:0`, `l target`. */
export function tree(dir: string, at = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(dir, at)).sort()) {
    const path = join(at, name);
    const facts = lstatSync(join(dir, path));
    const looks = `${(facts.mode & 0o7777).toString(8).padStart(4, "0")} ${facts.uid}:${facts.gid}`;
    if (facts.isSymbolicLink()) found[path] = `l ${readlinkSync(join(dir, path))}`;
    else if (facts.isDirectory()) Object.assign(found, { [path]: `d ${looks}` }, tree(dir, path));
    else
      found[path] = `f ${looks} ${createHash("sha256")
        .update(readFileSync(join(dir, path)))
        .digest("hex")}`;
  }
  return found;
}

/** The same with the times, to see that nothing was touched. */
export function times(dir: string): Record<string, number> {
  return Object.fromEntries(Object.keys(tree(dir)).map((path) => [path, lstatSync(join(dir, path)).mtimeMs]));
}

/** A public key line of somebody's. */
export function somebodysKey(dir: string, name: string): string {
  return `${makeKeyPair(join(dir, name)).publicLine.trim()} ${name}`;
}

/** What a person does at a terminal: waits for a text, then types; `null` hangs up. */
export type Move = readonly [wait: string, type: string | null];

/**
 * Runs setup on a real terminal, by python3's pty. Answers everything that was seen on it, and the exit code; a wait
 * that is in vain ends it with what was seen.
 */
export function atTerminal(host: Host, args: readonly string[], moves: readonly Move[]): Promise<Ended> {
  const child = spawn(
    "python3",
    ["-c", person, JSON.stringify(moves), process.execPath, program, "setup", "--root", host.root, ...args],
    { env: { ...host.env, TERM: "dumb" }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code: code ?? -1, stdout, stderr, output: stdout + stderr }));
  });
}

const person = `
import json, os, pty, select, signal, sys, time
moves = json.loads(sys.argv[1])
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = ""
at = 0
end = time.monotonic() + 45
hung_up = False
def read(until):
    global seen
    while until is None or until not in seen[at:]:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            return False
        ready, _, _ = select.select([master], [], [], 0.2)
        if not ready:
            continue
        try:
            chunk = os.read(master, 4096)
        except OSError:
            return until is None
        if not chunk:
            return until is None
        seen += chunk.decode("utf8", "replace")
    return True
for wait, text in moves:
    if not read(wait):
        seen += "\\n(waited in vain for: %s)\\n" % wait
        break
    at = seen.index(wait, at) + len(wait)
    if text is None:
        os.close(master)
        hung_up = True
        break
    os.write(master, text.encode())
if not hung_up:
    read(None)
_, status = os.waitpid(pid, 0)
sys.stdout.write(seen.replace("\\r\\n", "\\n"))
sys.exit(os.waitstatus_to_exitcode(status) % 256)
`;
