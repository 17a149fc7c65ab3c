import type { ServerKey } from "../orchestrator/types.js";
import { parseServer, serverName } from "./server.js";

/**
 * ProxySQL's servers under the names that Orchestrator knows them by. Orchestrator's are those it resolved itself
 * (`HostnameResolveMethod`), and one server can even have two of them, so nothing is guessed: what `[fence] hosts` does
 * not name is the same on both sides.
 */
export class Names {
  readonly #byServer = new Map<string, ServerKey>();
  readonly #byHost = new Map<string, string>();

  /** `hosts`: ProxySQL's name to Orchestrator's, both `host:port`, or both a host, which then goes for each of its ports. */
  constructor(hosts: Readonly<Record<string, string>>) {
    for (const [from, to] of Object.entries(hosts)) {
      const [one, other] = [parseServer(from), parseServer(to)];
      if (one && other) this.#byServer.set(serverName(one), other);
      else this.#byHost.set(from.toLowerCase(), to);
    }
  }

  toOrchestrator(server: ServerKey): ServerKey {
    const exact = this.#byServer.get(serverName(server));
    if (exact !== undefined) return exact;
    const host = this.#byHost.get(server.host.toLowerCase());
    return host === undefined ? server : { host, port: server.port };
  }
}
