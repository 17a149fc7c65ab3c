import { setTimeout as sleep } from "node:timers/promises";
import { connectAdmin } from "../test/support/admin-client.js";
import type { PairNode } from "../test/support/pair/node.js";
import { usesRealProxysql } from "../test/support/proxysql.js";
import { serverChanges } from "../test/support/standin-control.js";

const lookEveryMs = 5;

/**
 * Milliseconds from `since` (a `Date.now()`) until no row of `host` in the node's runtime was anything but OFFLINE_SOFT. The
 * stand-in's trace tells the moment; a real ProxySQL is asked every 5 ms. Throws after `ms`.
 */
export async function msUntilOffline(
  node: PairNode,
  host: string,
  since: number,
  ms = 15_000,
): Promise<number> {
  const watch = usesRealProxysql ? await watchRuntime(node, host) : watchTrace(node, host, since);
  try {
    while (Date.now() - since < ms) {
      const at = await watch.offlineSince();
      if (at !== undefined) return at - since;
      await sleep(lookEveryMs);
    }
  } finally {
    watch.end();
  }
  throw new Error(`${host} is not OFFLINE_SOFT on ${node.name} within ${ms} ms.`);
}

interface Watch {
  offlineSince(): Promise<number | undefined>;
  end(): void;
}

function watchTrace(node: PairNode, host: string, since: number): Watch {
  return {
    async offlineSince() {
      const change = serverChanges(node.serversTrace).find(({ time, rows }) => {
        const of = rows.filter((row) => row.host === host);
        return time >= since && of.length > 0 && of.every(({ status }) => status === "OFFLINE_SOFT");
      });
      return change?.time;
    },
    end: () => {},
  };
}

async function watchRuntime(node: PairNode, host: string): Promise<Watch> {
  const admin = await connectAdmin({ port: node.ports.admin });
  return {
    async offlineSince() {
      const rows = await admin.rows(`SELECT status FROM runtime_mysql_servers WHERE hostname='${host}'`);
      return rows.length > 0 && rows.every(([status]) => status === "OFFLINE_SOFT") ? Date.now() : undefined;
    },
    end: () => admin.close(),
  };
}
