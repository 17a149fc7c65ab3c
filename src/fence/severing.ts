import type { ServerKey } from "../orchestrator/types.js";
import { KnownError } from "../platform/errors.js";
import type { Verdict } from "./judge.js";
import type { Latch } from "./latch.js";
import type { FenceAdmin } from "./look.js";
import { serverName } from "./server.js";
import { type SeverScope, severConnections } from "./sever.js";

/** Whose connections are to be ended, until they have been. */
export class Severing {
  readonly #orders = new Map<string, { readonly server: ServerKey; readonly scope: SeverScope }>();
  /** Servers with the recovery for which this was ordered. */
  #ordered = new Set<string>();

  order(server: ServerKey, scope: SeverScope): void {
    this.#orders.set(spelled(server), { server, scope });
  }

  /**
   * Of fenced servers that a recovery has replaced, those of writer hostgroups, once for each recovery and whatever the
   * mode. A session that was refused a write keeps its connection, because ProxySQL does not know then whether a
   * transaction is open (lib/mysql_connection.cpp, IsActiveTransaction): it is refused again and again for as long as the
   * fence lasts. 64 s seen after a graceful takeover, and with an old primary that takes writes they would go there.
   * Without a fence the monitor takes such a row away, and ProxySQL ends these sessions. `settled`: recoveries that had
   * been got over before this pass; what a server is fenced for after that has nothing to do with them.
   */
  orderReplaced(fenced: readonly Verdict[], settled: Latch["settled"]): void {
    const over = new Set(settled.map((one) => `${serverName(one)} ${one.recovery}`));
    const now = new Set<string>();
    for (const { server, recovery } of fenced) {
      if (recovery === null) continue;
      const name = `${serverName(server)} ${recovery}`;
      if (over.has(name)) continue;
      now.add(name);
      if (!this.#ordered.has(name) && !this.#orders.has(spelled(server))) this.order(server, "writers");
    }
    this.#ordered = now;
  }

  /** Ends what is ordered of servers that are still held, and tells what did not work; that stays ordered. */
  async run(
    admin: FenceAdmin,
    holds: (server: ServerKey) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<unknown[]> {
    const problems: unknown[] = [];
    const sever = async (name: string, server: ServerKey, scope: SeverScope): Promise<void> => {
      try {
        const { left } = holds(server) ? await severConnections(admin, server, scope, signal) : { left: 0 };
        if (left === 0) this.#orders.delete(name);
        else
          problems.push(
            new KnownError("not-done", `${left} connections to ${serverName(server)} do not end.`),
          );
      } catch (error) {
        problems.push(error);
      }
    };
    await Promise.all([...this.#orders].map(([name, { server, scope }]) => sever(name, server, scope)));
    return problems;
  }
}

/** As ProxySQL spells it: its connections are found by that, whatever the case. */
function spelled({ host, port }: ServerKey): string {
  return `${host}:${port}`;
}
