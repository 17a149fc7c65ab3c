import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ServerPlace, statusOf } from "./hostgroups.js";
import type { SqlValue } from "./layers.js";
import { Listeners } from "./listeners.js";
import { type Backend, hostgroupFor, isPresent, pickBackend } from "./routing.js";
import type { Runtime } from "./runtime.js";
import { type Answer, accessDenied, ok, Session, type SessionHandler } from "./session.js";
import { normalise } from "./sql-text.js";

interface ClientState {
  hostgroup: number;
  /** The server that the session holds: during a transaction, or since it set a session variable. */
  backend: Backend | undefined;
  inTransaction: boolean;
  busy: string | undefined;
}

const WAIT_STEP_MS = 20;
// Columns of mysql_users, by position.
const USER = { name: 0, password: 1, hostgroup: 4, frontend: 10 };

/** The port that applications use. Its servers are imagined: an ONLINE one answers a few trivial queries. */
export class ClientPort implements SessionHandler {
  readonly sessions = new Map<Session, ClientState>();
  created = 0;
  denied = 0;
  questions = 0;
  paused = false;
  #deaf = false;
  readonly #runtime: Runtime;
  readonly #listeners = new Listeners((socket) => this.#accept(socket));

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async open(): Promise<void> {
    this.paused = false;
    // Unset, the variable gets its value only when the threads start (lib/MySQL_Thread.cpp:2483).
    if (this.#runtime.variable("mysql-interfaces") === "") {
      this.#runtime.variables.set("mysql-interfaces", "0.0.0.0:6033");
    }
    this.#deaf = this.#runtime.deaf;
    if (this.#deaf) return;
    await this.#listeners.open(this.#runtime.variable("mysql-interfaces"));
  }

  /** Closes or opens the port as the servers just loaded to runtime have it. Only poisoned ones change anything. */
  async followServers(): Promise<void> {
    if (this.#runtime.deaf === this.#deaf) return;
    this.#deaf = this.#runtime.deaf;
    if (this.#deaf) this.stop();
    else if (!this.paused) await this.open();
  }

  /** Stops listening; sessions go on, new queries included. */
  pause(): void {
    this.paused = true;
    this.#listeners.close();
  }

  stop(): void {
    this.#listeners.close();
    for (const session of this.sessions.keys()) session.destroy();
  }

  /** Ends a session. Returns false when there is none with this id. */
  kill(id: number): boolean {
    for (const session of this.sessions.keys()) {
      if (session.id !== id) continue;
      session.destroy();
      return true;
    }
    return false;
  }

  /** Drops the sessions whose server has left the runtime, as OFFLINE_HARD does. */
  dropOrphans(): void {
    for (const [session, state] of this.sessions) {
      if (state.backend !== undefined && !isPresent(this.#runtime, state.backend)) session.destroy();
    }
  }

  /** Drops the sessions whose server fails its pings: unlike OFFLINE_SOFT, that ends them (lib/mysql_connection.cpp:2076-2093). */
  dropShunned(): void {
    for (const [session, state] of this.sessions) {
      const row = state.backend === undefined ? undefined : this.#runtime.servers.find(state.backend);
      if (row !== undefined && statusOf(row) === "SHUNNED") session.destroy();
    }
  }

  transactions(): number {
    return [...this.sessions.values()].filter((state) => state.inTransaction).length;
  }

  sessionsOf(user: string): number {
    return [...this.sessions.keys()].filter((session) => session.user === user).length;
  }

  connectionsTo(place: ServerPlace): number {
    const held = [...this.sessions.values()].map((state) => state.backend);
    return held.filter(
      (one) => one?.hostgroup === place.hostgroup && one.host === place.host && one.port === place.port,
    ).length;
  }

  /** Rows of `stats_mysql_processlist`. */
  processlist(): SqlValue[][] {
    return [...this.sessions].map(([session, state]) => [
      0,
      session.id,
      session.user,
      session.database === "" ? this.#runtime.variable("mysql-default_schema") : session.database,
      session.host,
      session.socket.remotePort ?? 0,
      state.backend?.hostgroup ?? state.hostgroup,
      state.backend === undefined ? null : "127.0.0.1",
      state.backend === undefined ? null : 0,
      state.backend?.host ?? null,
      state.backend?.port ?? null,
      state.busy === undefined ? "Sleep" : "Query",
      0,
      state.busy ?? "",
      null,
      null,
    ]);
  }

  serverVersion(): string {
    return this.#runtime.variable("mysql-server_version");
  }

  authenticate(session: Session, passwordFits: (password: string) => boolean): Answer | undefined {
    const user = this.#runtime
      .rows("mysql_users")
      .find((row) => row[USER.name] === session.user && Number(row[USER.frontend]) === 1);
    if (user === undefined || !passwordFits(String(user[USER.password] ?? ""))) {
      this.denied += 1;
      return accessDenied(session);
    }
    const hostgroup = Number(user[USER.hostgroup]);
    this.sessions.set(session, { hostgroup, backend: undefined, inTransaction: false, busy: undefined });
    return undefined;
  }

  async query(session: Session, text: string): Promise<Answer> {
    const state = this.sessions.get(session);
    if (state === undefined) return { kind: "none" };
    this.questions += 1;
    state.busy = text;
    try {
      return await this.#route(session, state, normalise(text));
    } finally {
      state.busy = undefined;
    }
  }

  closed(session: Session): void {
    this.sessions.delete(session);
  }

  #accept(socket: Socket): void {
    this.created += 1;
    new Session(socket, this);
  }

  /** What ProxySQL answers itself, and what it needs a server for. */
  async #route(session: Session, state: ClientState, query: string): Promise<Answer> {
    if (/^select connection_id\(\)$/i.test(query)) return one("connection_id()", String(session.id));
    if (/^select @@version_comment limit 1$/i.test(query)) return one("@@version_comment", "(ProxySQL)");
    if (/^show warnings$/i.test(query))
      return { kind: "rows", columns: ["Level", "Code", "Message"], rows: [] };
    if (/^(commit|rollback)$/i.test(query)) {
      state.inTransaction = false;
      state.backend = undefined;
      return ok();
    }
    const pins = /^(begin|start transaction|set @\w)/i.test(query);
    if (/^(set|use) /i.test(query) && !pins) return ok();
    const backend = state.backend ?? (await this.#connect(session, state, query));
    if (backend === undefined) return this.#timeout(session, state, query);
    if (pins) state.backend = backend;
    if (/^(begin|start transaction)/i.test(query)) state.inTransaction = true;
    return answerOf(backend, query);
  }

  /** Waits for an ONLINE server, as long as `mysql-connect_timeout_server_max` says. */
  async #connect(session: Session, state: ClientState, query: string): Promise<Backend | undefined> {
    const deadline = Date.now() + Number(this.#runtime.variable("mysql-connect_timeout_server_max"));
    while (!session.socket.destroyed) {
      const hostgroup = hostgroupFor(this.#runtime, session.user, query, state.hostgroup);
      const backend = pickBackend(this.#runtime, hostgroup);
      if (backend !== undefined) return backend;
      if (Date.now() >= deadline) return undefined;
      await sleep(WAIT_STEP_MS);
    }
    return undefined;
  }

  #timeout(session: Session, state: ClientState, query: string): Answer {
    const hostgroup = hostgroupFor(this.#runtime, session.user, query, state.hostgroup);
    const wait = this.#runtime.variable("mysql-connect_timeout_server_max");
    const message = `Max connect timeout reached while reaching hostgroup ${hostgroup} after ${wait}ms`;
    return { kind: "error", code: 9001, sqlState: "HY000", message };
  }
}

/** The imagined server: literals, `@@hostname` and `@@port`, and OK for everything that is no SELECT. */
function answerOf(backend: Backend, query: string): Answer {
  const expression = /^select (-?\d+|'[^']*'|@@hostname|@@port)$/i.exec(query)?.[1];
  if (expression !== undefined) {
    const server = { "@@hostname": backend.host, "@@port": String(backend.port) };
    const value = server[expression.toLowerCase() as keyof typeof server] ?? expression.replaceAll("'", "");
    return one(expression, value);
  }
  if (!/^(select|show)\b/i.test(query)) return ok();
  return {
    kind: "error",
    code: 1064,
    sqlState: "42000",
    message: "the stand-in's servers answer literals only",
  };
}

function one(column: string, value: string): Answer {
  return { kind: "rows", columns: [column], rows: [[value]] };
}
