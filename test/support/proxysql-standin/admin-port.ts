import type { Socket } from "node:net";
import { adminQuery, statsQuery } from "./admin-commands.js";
import { withFailures } from "./failures.js";
import type { Instance } from "./instance.js";
import { Listeners } from "./listeners.js";
import { type Answer, accessDenied, Session, type SessionHandler } from "./session.js";
import { traceStatement } from "./traces.js";

/** Names that ProxySQL lets in from the host itself only (lib/MySQL_Session.cpp:5948-6011). */
const LOCAL_ONLY = new Set(["admin", "stats", "monitor"]);
const LOCAL_HOSTS = new Set(["127.0.0.1", "::1", "localhost"]);

/** The admin interface: all sessions run their queries one at a time. */
export class AdminPort implements SessionHandler {
  readonly #instance: Instance;
  readonly #listeners = new Listeners((socket) => this.#accept(socket));
  readonly #sessions = new Map<Session, "admin" | "stats">();
  #interfaces = "";

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** Opens the interfaces, or opens them anew when `admin-mysql_ifaces` has changed. */
  async followInterfaces(): Promise<void> {
    const wanted = this.#instance.runtime.variable("admin-mysql_ifaces");
    if (wanted === this.#interfaces) return;
    this.#listeners.close();
    this.#interfaces = wanted;
    await this.#listeners.open(wanted);
  }

  /** Stops listening; sessions go on. */
  close(): void {
    this.#listeners.close();
    this.#interfaces = "";
  }

  dropSessions(): void {
    for (const session of this.#sessions.keys()) session.destroy();
  }

  serverVersion(): string {
    return this.#instance.runtime.variable("mysql-server_version");
  }

  authenticate(session: Session, passwordFits: (password: string) => boolean): Answer | undefined {
    const kind = this.#kindOf(session.user, passwordFits);
    if (kind === undefined) return accessDenied(session);
    if (LOCAL_ONLY.has(session.user) && !LOCAL_HOSTS.has(session.host)) {
      const message = `User '${session.user}' can only connect locally`;
      return { kind: "error", code: 1040, sqlState: "42000", message };
    }
    this.#sessions.set(session, kind);
    return undefined;
  }

  query(session: Session, text: string): Promise<Answer> {
    traceStatement(session.id, text);
    const run = this.#sessions.get(session) === "stats" ? statsQuery : adminQuery;
    return this.#instance.mutex.run(() => withFailures(text, () => run(this.#instance, session, text)));
  }

  closed(session: Session): void {
    this.#sessions.delete(session);
  }

  #accept(socket: Socket): void {
    new Session(socket, this);
  }

  #kindOf(user: string, passwordFits: (password: string) => boolean): "admin" | "stats" | undefined {
    const runtime = this.#instance.runtime;
    if (isListed(runtime.variable("admin-admin_credentials"), user, passwordFits)) return "admin";
    return isListed(runtime.variable("admin-stats_credentials"), user, passwordFits) ? "stats" : undefined;
  }
}

/** Credentials are `user:password;user:password`. */
function isListed(credentials: string, user: string, passwordFits: (password: string) => boolean): boolean {
  return credentials.split(";").some((entry) => {
    const colon = entry.indexOf(":");
    return colon >= 0 && entry.slice(0, colon) === user && passwordFits(entry.slice(colon + 1));
  });
}
