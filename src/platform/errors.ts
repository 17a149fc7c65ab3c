/**
 * Every error this project knows, by code: what to do about it and how the process ends.
 * The sentence itself is written where it happens, because only there the names are known.
 */
const known = {
  usage: { exit: 2, hint: "Run `proxysql-carp --help`." },
  "config-invalid": { exit: 78, hint: "Correct the file, then run `proxysql-carp config check`." },
  "not-done": { exit: 1, hint: "" },
  "agent-unreachable": {
    exit: 3,
    hint: "Start it with `service proxysql_carp start`, or `restart` one that hangs; its log tells why.",
  },
  "agent-running": { exit: 1, hint: "Stop the other agent first: `service proxysql_carp stop`." },
  deadline: {
    exit: 1,
    hint: "The other side is alive but slow, or hangs: look at it before you raise the limit.",
  },
  "command-failed": { exit: 1, hint: "Run the same command by hand as the same user." },
  "carp-unreadable": { exit: 1, hint: "Compare `ifconfig` with [carp] vhids in the configuration." },
  "proxysql-unreachable": {
    exit: 1,
    hint: "Is ProxySQL running, and is [proxysql] admin_host/admin_port right?",
  },
  "proxysql-refused": { exit: 1, hint: "Check [proxysql] admin_user and admin_password_file." },
  "proxysql-statement": { exit: 1, hint: "Run the statement by hand on the admin port." },
  "proxysql-unproven": {
    exit: 1,
    hint: "Look at ProxySQL's log: it runs but does not serve what it should.",
  },
  "proxysql-not-stopped": { exit: 1, hint: "Stop it by hand: `service proxysql onestop`." },
  "snapshot-refused": { exit: 1, hint: "It is kept in quarantine with the cause beside it." },
  "snapshot-missing": { exit: 1, hint: "What there is stands below [node] state_dir, in inbox and outbox." },
  "peer-unreachable": {
    exit: 3,
    hint: "Is the peer up, and does its sshd listen at [[peer]] host and port?",
  },
  "peer-host-key": {
    exit: 3,
    hint: "If the peer was reinstalled, put its new key line into [[peer]] host_key.",
  },
  "peer-login": {
    exit: 3,
    hint: "Put this node's public key into the peer's authorized_keys, with the forced command.",
  },
  "peer-protocol": {
    exit: 3,
    hint: "Both nodes must run the same major version, and the key must be bound to `serve`.",
  },
  "peer-refused": { exit: 1, hint: "The peer's answer names the cause; its quarantine keeps the copy." },
  "mysql-unreachable": {
    exit: 3,
    hint: "Is the server up, and is its address reachable from this host?",
  },
  "mysql-refused": {
    exit: 1,
    hint: "Check [fence] mysql_user and mysql_password_file, and from which hosts that user may log in.",
  },
  "mysql-privilege": {
    exit: 1,
    hint: "GRANT REPLICATION CLIENT, REPLICATION SLAVE (MariaDB: BINLOG MONITOR, REPLICATION SLAVE) ON *.* to it.",
  },
  "mysql-answer": { exit: 1, hint: "Run the same statement by hand on that server." },
  "state-unwritable": {
    exit: 1,
    hint: "Is the disk full or read-only, or does another program hold the file? `fuser` names it.",
  },
  "stonith-failed": {
    exit: 1,
    hint: "Run the command of [stonith] by hand; if the peer is off for sure, `maintenance on --force-promotion` promotes without it.",
  },
  "lock-unreachable": {
    exit: 3,
    hint: "Ask [lock] endpoints by hand from this node: `curl` with its ca_file; is the cluster in quorum?",
  },
  "lock-refused": { exit: 1, hint: "Check [lock] user and secret_file, and that they may write the key." },
  "state-damaged": { exit: 1, hint: "Move the named file away; the agent then starts with a new one." },
} as const;

export type ErrorCode = keyof typeof known;

/** Facts about an error that are worth a log field. Never a secret. */
export type ErrorFields = Readonly<Record<string, unknown>>;

/** An error with a code, one sentence that says what happened to what, and a hint that says what to do. */
export class KnownError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KnownError";
    this.code = code;
    this.fields = fields;
  }

  get hint(): string {
    return known[this.code].hint;
  }

  /** The process exit code that belongs to this error (0 done, 1 not done, 2 usage, 3 unreachable, 78 configuration). */
  get exitCode(): number {
    return known[this.code].exit;
  }
}

/** True for an error of ours, of one code if given. */
export function isKnown(error: unknown, code?: ErrorCode): error is KnownError {
  return error instanceof KnownError && (code === undefined || error.code === code);
}

/** The one sentence of any thrown value. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's error code (`ENOENT`, `ECONNREFUSED`, ...) of a thrown value, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
