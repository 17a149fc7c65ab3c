import type { Facts } from "./facts.js";
import { findFence } from "./fence.js";
import { findHost } from "./host.js";
import { findPeer } from "./peer.js";
import { findProxysql } from "./proxysql.js";
import type { Finding } from "./reason.js";
import { findRole } from "./role.js";
import { findSnapshots } from "./snapshots.js";

/** Every reason that the facts give. Pure: the same facts give the same reasons, and none when all is well. */
export function findReasons(facts: Facts): Finding[] {
  return [
    ...findSnapshots(facts),
    ...findPeer(facts),
    ...findRole(facts),
    ...findProxysql(facts),
    ...findFence(facts),
    ...findHost(facts),
  ];
}
