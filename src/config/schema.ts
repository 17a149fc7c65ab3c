import { z } from "zod";
import { parseDuration } from "../platform/duration.js";
import { defaultRunDir } from "./file.js";

const durationPattern = /^\d+(\.\d+)?(ms|s|m|h|d)$/;

/** A duration as text (`500ms`, `5s`, `1m`); milliseconds once read. Its limits are milliseconds too. */
function duration(description: string, fallback: string, least = 0, most = Number.POSITIVE_INFINITY) {
  const limits = `${least > 0 ? `, at least ${written(least)}` : ""}${most < Number.POSITIVE_INFINITY ? `, at most ${written(most)}` : ""}`;
  const expected = `a duration such as "500ms", "5s" or "1m"${limits}`;
  return z
    .string()
    .regex(durationPattern, expected)
    .default(fallback)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms === undefined || ms < least || ms > most) {
        context.addIssue({ code: "custom", message: expected });
        return z.NEVER;
      }
      return ms;
    })
    .describe(`${description} A duration${limits}.`);
}

/** Milliseconds as the file would have them. */
function written(ms: number): string {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
    [1_000, "s"],
  ] as const;
  const [size, unit] = units.find(([one]) => ms % one === 0) ?? [1, "ms"];
  return `${ms / size}${unit}`;
}

const nodeName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, "a name of letters, digits, - and _, at most 63 characters");
const absolutePath = z.string().regex(/^\//, "an absolute path");
const port = z.int().min(1, "a port, 1 to 65535").max(65535, "a port, 1 to 65535");
const vhid = z
  .string()
  .regex(
    /^([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])@[A-Za-z0-9_.]+$/,
    'a vhid and its interface, such as "9@em0"',
  );

/** A public key line as `ssh-keyscan` and `*.pub` files have it: the one key that the peer's sshd may show. */
const hostKey = z
  .string()
  .regex(
    /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+={0,2}( .*)?$/,
    'a public key line such as "ssh-ed25519 AAAA..."',
  );

const node = z.strictObject({
  name: nodeName.describe(
    "The name of this node: another one on each node. A lineage carries it and the peers know it, so leave it as it is.",
  ),
  state_dir: absolutePath
    .default("/var/db/proxysql-carp")
    .describe("Where snapshots, journal and spool are."),
  run_dir: absolutePath.default(defaultRunDir).describe("Where the Unix sockets are."),
});

const carp = z.strictObject({
  // The first one leads: see `nodeRole`.
  vhids: z
    .array(vhid)
    .min(1, "at least one vhid")
    .describe("The virtual hosts that carry ProxySQL's address. The first one decides which node leads."),
  standby: z
    .enum(["warm", "cold"])
    .default("warm")
    .describe(
      "warm: ProxySQL runs on the passive node too, and gets every snapshot. cold: it is stopped there.",
    ),
  settle: duration("How long the role must be MASTER before the node acts on it.", "0ms", 0, 60_000),
  reconcile: duration("How often the agent looks for itself, without any event.", "5s", 100, 600_000),
  hold: duration(
    "How long the role must have stayed before this node's health moves it again.",
    "30s",
    0,
    86_400_000,
  ),
  moves_per_hour: z
    .int()
    .min(0, "0 or more")
    .max(1_000)
    .default(6)
    .describe(
      "How often in an hour this node's health may move the role; then it stays, and an alert is raised.",
    ),
});

const proxysql = z.strictObject({
  program: absolutePath
    .default("/usr/local/sbin/proxysql")
    .describe("ProxySQL itself, for the restore drill."),
  datadir: absolutePath.default("/var/db/proxysql").describe("The data directory of ProxySQL."),
  admin_host: z.string().min(1).default("127.0.0.1").describe("The address of ProxySQL's admin."),
  admin_port: port.default(6032).describe("The port of ProxySQL's admin."),
  admin_socket: absolutePath
    .optional()
    .describe("A Unix socket of the admin, used instead of host and port if set."),
  admin_user: z.string().min(1).default("admin").describe("An admin login."),
  admin_password_file: absolutePath.describe(
    "A file with the admin's password on its first line: owner root, mode 0600.",
  ),
  client_host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe(
      "Where to knock to see that ProxySQL serves: an address of the host itself, not the shared one.",
    ),
  client_port: port.default(6033).describe("The port of ProxySQL's clients."),
  service: z
    .string()
    .regex(/^[A-Za-z0-9_]+$/, "the name of an rc service")
    .default("proxysql")
    .describe("The rc service that starts and stops ProxySQL."),
  owner: z
    .string()
    .regex(/^[^:\s]+:[^:\s]+$/, 'owner and group, such as "proxysql:proxysql"')
    .optional()
    .describe("Who ProxySQL's files belong to. Without it, the owner of datadir."),
  keep_local: z
    .array(z.string().min(1))
    .optional()
    .describe(
      "What this host never takes from a peer: variables (* stands for any characters), tables, table.column.",
    ),
  start_timeout: duration("How long ProxySQL may take from its start until it serves.", "15s", 100, 600_000),
  drain_timeout: duration(
    "How long clients may take to leave: at a switchover, and in cold standby before ProxySQL is stopped.",
    "2s",
    0,
    600_000,
  ),
  restarts: z
    .int()
    .min(0, "0 or more")
    .max(100)
    .default(2)
    .describe(
      "How often a ProxySQL that is dead or does not serve is restarted before the address is given away.",
    ),
});

const peer = z.strictObject({
  name: nodeName.describe("The name that the peer gives itself."),
  host: z.string().min(1).describe("An address of the peer itself, never the shared one."),
  port: port.default(22).describe("The port of the peer's sshd."),
  user: z.string().min(1).default("proxysql-carp").describe("Whom to log in as."),
  key_file: absolutePath.describe("This node's private key, without a passphrase: owner root, mode 0600."),
  host_key: hostKey.describe("The peer's host key, as in /etc/ssh/ssh_host_ed25519_key.pub there."),
});

const snapshots = z.strictObject({
  schedule: z
    .string()
    .default("* * * * *")
    .describe("When to look for a change that was not noticed: five fields as in crontab(5)."),
  on_change: z.boolean().default(true).describe("Ship as soon as ProxySQL's database changes."),
  keep: z
    .int()
    .min(2, "2 or more")
    .max(100_000)
    .default(30)
    .describe("How many snapshots to keep in each of inbox and outbox."),
  drill_schedule: z
    .string()
    .default("17 3 * * *")
    .describe("When the passive node tries a restore: five fields as in crontab(5)."),
  max_age: duration(
    "How long a peer may lack what the active node runs before that is a reason.",
    "5m",
    1_000,
  ),
});

/** The status page. Without the table there is none. */
const http = z.strictObject({
  listen: z
    .string()
    .regex(/^(\[[0-9A-Fa-f:.]+\]|[^:\s]+):\d{1,5}$/, 'an address and a port, such as "127.0.0.1:9632"')
    .default("127.0.0.1:9632")
    .describe("Address and port of the status page. Without the table there is none."),
});

const alerts = z.strictObject({
  command: z
    .array(z.string())
    .min(1, "a program and its arguments")
    .optional()
    .describe(
      "A program and its arguments, run when a reason is raised or cleared: JSON on stdin, no shell.",
    ),
  timeout: duration("How long the command may take before it is killed.", "10s", 100, 600_000),
  repeat: duration('How often a reason that stays is told again; "0s" is never.', "0s"),
});

const serverAddress = z
  .string()
  .regex(/^(\[[0-9A-Fa-f:.]+\]|[^:\s[\]]+):\d{1,5}$/, 'an address and a port, such as "192.0.2.1:53"');

/** Which MySQL servers Orchestrator has given up on. Without the table nothing is fenced. */
const orchestrator = z.strictObject({
  endpoints: z
    .array(z.string().regex(/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, 'a URL such as "http://orc1:3000"'))
    .min(1, "at least one URL")
    .describe("The URLs of Orchestrator: of all its nodes, each by its own name."),
  auth: z
    .enum(["none", "basic", "token"])
    .default("none")
    .describe("How Orchestrator knows who asks: its AuthenticationMethod."),
  user: z.string().min(1).optional().describe("Whom to log in as, with basic authentication."),
  secret_file: absolutePath
    .optional()
    .describe(
      "A file with the password (basic) or with public:secret (token) on its first line: owner root, mode 0600.",
    ),
  ca_file: absolutePath
    .optional()
    .describe("The certificates that Orchestrator's is checked by, instead of the system's."),
  timeout: duration("How long one answer of it may take.", "2s", 100, 60_000),
  poll: duration("How often to ask.", "1s", 100, 600_000),
  isolation_grace: duration(
    "How long no leader in quorum may answer until this node takes itself for isolated.",
    "10s",
    1_000,
    3_600_000,
  ),
  on_isolation: z
    .enum(["fence", "alert", "demote"])
    .default("fence")
    .describe(
      "What an isolated node does. fence: no server is used; demote: the address goes to a peer that sees a quorum; alert: nothing but a reason.",
    ),
  witnesses: z
    .array(serverAddress)
    .default([])
    .describe("Addresses that accept TCP, to tell whether Orchestrator is down or this node is cut off."),
});

/** How servers are kept out of use. */
const fence = z.strictObject({
  mode: z
    .enum(["soft", "hard"])
    .default("soft")
    .describe("soft: a fenced server gets nothing new. hard: its connections are ended as well."),
  hosts: z
    .record(z.string().min(1), z.string().min(1))
    .default({})
    .describe(
      "ProxySQL's names for servers and Orchestrator's for the same, where they differ: host or host:port on both sides.",
    ),
  mysql_user: z
    .string()
    .min(1)
    .optional()
    .describe("A login that may read fenced servers and their successors, for `fence report`."),
  mysql_password_file: absolutePath
    .optional()
    .describe("A file with its password on its first line: owner root, mode 0600."),
});

const stonith = z.strictObject({
  command: z
    .array(z.string())
    .min(1, "a program and its arguments")
    .optional()
    .describe(
      "A program and its arguments that switch a peer's host off for sure, no shell: {peer} is its name, {host} its address.",
    ),
  // Below what the agent takes for a hang of its own: see `livenessOf`.
  timeout: duration("How long the command may take before it is killed and has failed.", "30s", 100, 120_000),
  when: z
    .enum(["contested", "unreachable"])
    .default("contested")
    .describe(
      "contested: shoot an unreachable peer whose host still answers, or that was MASTER together with this node. unreachable: any unreachable peer.",
    ),
  on_failure: z
    .enum(["hold", "go-on"])
    .default("hold")
    .describe(
      "hold: not promoted until the command succeeds or the peer is back. go-on: promoted all the same.",
    ),
});

const lock = z.strictObject({
  kind: z.enum(["etcd", "consul"]).optional().describe("What keeps the lock. Without it there is none."),
  endpoints: z
    .array(z.string().regex(/^https?:\/\/[^\s/@]+\/*$/, 'a URL such as "https://etcd1.example:2379"'))
    .default([])
    .describe("The servers' URLs: those of one cluster, asked one after the other."),
  key: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._+/-]{0,254}$/, "a key of letters, digits and . _ + / -")
    .optional()
    .describe(
      "The key that is the lock, the same on all nodes. Without it, the names of all nodes below proxysql-carp/.",
    ),
  ttl: duration("How long the lock outlives a holder that is not heard of.", "10s", 5_000, 60_000),
  user: z.string().min(1).optional().describe("etcd: whom to log in as."),
  secret_file: absolutePath
    .optional()
    .describe("A file with the password (etcd) or token (Consul) on its first line: owner root, mode 0600."),
  ca_file: absolutePath
    .optional()
    .describe("Certificates (PEM) that the servers' are checked by, instead of the system's."),
});

const log = z.strictObject({
  level: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("What is logged: this and what is graver."),
});

/** The configuration file, table by table, as DESIGN.md's fixed interface names them. Unknown keys are errors. */
export const configSchema = z.strictObject({
  node,
  carp,
  proxysql,
  peer: z.array(peer).min(1, "at least one [[peer]]"),
  snapshots: snapshots.prefault({}),
  http: http.optional(),
  orchestrator: orchestrator.optional(),
  fence: fence.prefault({}),
  alerts: alerts.prefault({}),
  stonith: stonith.prefault({}),
  lock: lock.prefault({}),
  log: log.prefault({}),
});

export type Config = z.infer<typeof configSchema>;
