import { z } from "zod";
import { parseDuration } from "../platform/duration.js";

/** A duration as text (`500ms`, `5s`, `1m`); milliseconds once read. */
function duration(fallback: string, least = 0, most = Number.POSITIVE_INFINITY) {
  return z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms === undefined || ms < least || ms > most) {
        context.addIssue({ code: "custom", message: 'a duration such as "500ms", "5s" or "1m"' });
        return z.NEVER;
      }
      return ms;
    });
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
  name: nodeName,
  state_dir: absolutePath.default("/var/db/proxysql-carp"),
  run_dir: absolutePath.default("/var/run/proxysql-carp"),
});

const carp = z.strictObject({
  /** The first one leads: see `nodeRole`. */
  vhids: z.array(vhid).min(1, "at least one vhid"),
  standby: z.enum(["warm", "cold"]).default("warm"),
  settle: duration("0ms", 0, 60_000),
  reconcile: duration("5s", 100, 600_000),
  /** How long the role must have stayed before this node's health moves it again. */
  hold: duration("30s", 0, 86_400_000),
  /** How often in an hour this node's health may move the role; then it stays, and alerts. */
  moves_per_hour: z.int().min(0, "0 or more").max(1_000).default(6),
});

const proxysql = z.strictObject({
  /** ProxySQL itself, for the restore drill. */
  program: absolutePath.default("/usr/local/sbin/proxysql"),
  datadir: absolutePath.default("/var/db/proxysql"),
  admin_host: z.string().min(1).default("127.0.0.1"),
  admin_port: port.default(6032),
  admin_socket: absolutePath.optional(),
  admin_user: z.string().min(1).default("admin"),
  admin_password_file: absolutePath,
  client_host: z.string().min(1).default("127.0.0.1"),
  client_port: port.default(6033),
  service: z
    .string()
    .regex(/^[A-Za-z0-9_]+$/, "the name of an rc service")
    .default("proxysql"),
  owner: z
    .string()
    .regex(/^[^:\s]+:[^:\s]+$/, 'owner and group, such as "proxysql:proxysql"')
    .optional(),
  keep_local: z.array(z.string().min(1)).optional(),
  start_timeout: duration("15s", 100, 600_000),
  drain_timeout: duration("2s", 0, 600_000),
  /** How often a ProxySQL that is dead or does not serve is restarted before the address is given away. */
  restarts: z.int().min(0, "0 or more").max(100).default(2),
});

const peer = z.strictObject({
  name: nodeName,
  host: z.string().min(1),
  port: port.default(22),
  user: z.string().min(1).default("proxysql-carp"),
  key_file: absolutePath,
  host_key: hostKey,
});

const snapshots = z.strictObject({
  schedule: z.string().default("* * * * *"),
  on_change: z.boolean().default(true),
  keep: z.int().min(2, "2 or more").max(100_000).default(30),
  drill_schedule: z.string().default("17 3 * * *"),
  /** How long a peer may lack what the active node runs before that is a reason. */
  max_age: duration("5m", 1_000),
});

/** The status page. Without the table there is none. */
const http = z.strictObject({
  listen: z
    .string()
    .regex(/^(\[[0-9A-Fa-f:.]+\]|[^:\s]+):\d{1,5}$/, 'an address and a port, such as "127.0.0.1:9632"')
    .default("127.0.0.1:9632"),
});

const alerts = z.strictObject({
  /** A program and its arguments. It gets the event as JSON on stdin, and no shell. */
  command: z.array(z.string()).min(1, "a program and its arguments").optional(),
  timeout: duration("10s", 100, 600_000),
  /** How often a reason that stays is told again; "0s": never. */
  repeat: duration("0s"),
});

const log = z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") });

/** The configuration file, table by table, as DESIGN.md's fixed interface names them. Unknown keys are errors. */
export const configSchema = z.strictObject({
  node,
  carp,
  proxysql,
  peer: z.array(peer).min(1, "at least one [[peer]]"),
  snapshots: snapshots.prefault({}),
  http: http.optional(),
  alerts: alerts.prefault({}),
  log: log.prefault({}),
});

export type Config = z.infer<typeof configSchema>;
