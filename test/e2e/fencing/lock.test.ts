import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Etcd, missingEtcd } from "../../support/etcd.js";
import { type Client, startClientIn } from "../../support/host/client-host.js";
import { codesOf, demotionOf, waitForReason, waitUntilCleared } from "../../support/host/guards.js";
import { carpRole, type Host, serviceCalls, startAgent, stopAgent } from "../../support/host/host.js";
import { hostOf, type Lab, setCut, shopDatabase, startAll } from "../../support/host/netns.js";
import { addPort, type Port, setReachable } from "../../support/host/network.js";
import {
  journalOf,
  patience,
  statusOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { pairAtRest, switchOver } from "../../support/host/switchover.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";
/** Long enough for b to become MASTER, and to say that it has to wait, before a's lock runs out. */
const ttlMs = 12_000;
const missing = missingEtcd();

describe.skipIf(missing !== undefined).each(["cold", "warm"] as const)(
  `a pair in %s standby with a lock in a real etcd${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  (standby) => {
    describeHosts("and three ways between hosts and witness", (makeLab) => {
      let lab: Lab;
      let a: Host;
      let b: Host;
      /** Where etcd is. */
      let witness: Port;
      let etcd: Etcd;
      let ofA: Client;
      let ofB: Client;

      beforeAll(async () => {
        lab = makeLab({
          standby,
          databases: [shopDatabase],
          preempt: true,
          more: {
            lock: `kind = "etcd"\nendpoints = ["http://etcd.invalid"]\nttl = "${ttlMs}ms"`,
            carp: 'hold = "1s"',
          },
        });
        [a, b] = [hostOf(lab, "a"), hostOf(lab, "b")];
        witness = addPort(lab.network, "witness", "192.0.2.60", {});
        etcd = new Etcd({ namespace: witness.namespace, host: witness.address });
        await etcd.start();
        for (const { places } of [a, b])
          writeFileSync(
            places.config,
            readFileSync(places.config, "utf8").replace("http://etcd.invalid", etcd.url),
          );
        await startAll(lab);
        await waitUntilLeading(a, shop);
        await waitUntilStandingBy(b, a, shop);
        const clients = addPort(lab.network, "client", "192.0.2.50", {});
        ofA = await startClientIn(clients, a.port.address);
        ofB = await startClientIn(clients, b.port.address);
      });

      afterAll(async () => {
        ofA?.end();
        ofB?.end();
        await etcd?.remove();
      });

      function lockOf(host: Host): { held: boolean; holder: string | null } {
        return (statusOf(host) as unknown as { lock: { held: boolean; holder: string | null } }).lock;
      }

      async function settled(): Promise<void> {
        await waitUntilLeading(a, shop);
        await waitUntilStandingBy(b, a, shop);
        await waitFor("the demotion is gone", () => demotionOf(a) + demotionOf(b) === 0, patience);
      }

      it("has the active node hold it", async () => {
        expect(lockOf(a)).toMatchObject({ held: true, holder: "a" });
        await waitFor("b knows", () => lockOf(b).holder === "a", patience);
        expect(lockOf(b).held).toBe(false);
      });

      it("keeps serving over a restart of the agent", async () => {
        const before = serviceCalls(a).length;
        await stopAgent(a);
        startAgent(a);
        await waitUntilLeading(a, shop);
        await waitFor("the lock is taken up again", () => lockOf(a).held, patience);
        expect(serviceCalls(a).slice(before)).toEqual([]);
        expect(demotionOf(a)).toBe(0);
      });

      it("hands it over in a switchover, without waiting for the ttl and without stopping what is to serve", async () => {
        // Both must have said that they are fit, or it is refused, and rightly.
        await pairAtRest([a, b], shop);
        const before = serviceCalls(b).length;
        const document = await switchOver(a);
        expect(document).toMatchObject({ state: "done", to: "b" });
        await waitUntilLeading(b, shop);
        expect(lockOf(b).held).toBe(true);
        expect(serviceCalls(b).slice(before)).toEqual(standby === "cold" ? ["onestart"] : []);
        await pairAtRest([a, b], shop);
        expect(await switchOver(b)).toMatchObject({ state: "done", to: "a" });
        await settled();
      });

      it("moves to the other node when only the active one cannot reach etcd, and back when it can", async () => {
        cutOffFromEtcd(a, true);
        await waitUntilLeading(b, shop);
        expect(lockOf(b).held).toBe(true);
        await waitFor(
          "a stands by",
          () => statusOf(a).role === "BACKUP" && statusOf(a).leads === null,
          patience,
        );
        await waitForReason(a, "lock-unreachable");
        cutOffFromEtcd(a, false);
        await settled();
        expect(lockOf(a).held).toBe(true);
      });

      it("never has both serve: the active one, cut off from everybody, has stopped before the other is promoted", async () => {
        // a reaches neither b nor etcd; clients reach both, each by its own address. b reaches etcd.
        setCut(lab, true);
        const cutAt = Date.now();
        cutOffFromEtcd(a, true);
        await waitFor("b is MASTER", () => carpRole(b) === "MASTER", patience);
        const held = await waitForReason(b, "lock-not-held");
        expect(held.sentence).toContain("a has it");
        const leads = await waitFor(
          "b leads",
          () => (statusOf(b).leads !== null && statusOf(b).role === "MASTER" ? Date.now() : false),
          patience,
          20,
        );
        await waitFor("b serves", () => ofB.served().some((at) => at > leads), patience);
        expect(carpRole(a)).toBe("MASTER");
        const lastOfA = ofA.served().at(-1) ?? 0;
        expect(lastOfA).toBeGreaterThan(cutAt);
        expect(lastOfA - cutAt).toBeLessThan(ttlMs);
        expect(leads - lastOfA).toBeGreaterThan(200);
        if (standby === "cold") {
          const firstOfB = ofB.served().find((at) => at > cutAt) ?? 0;
          expect(firstOfB).toBeGreaterThan(lastOfA);
        }
        expect(statusOf(a)).toMatchObject({ care: { shareWhy: "no-lock" }, proxysql: { up: false } });
        await waitForReason(a, "lock-not-held");
        expect(journalOf(a).notes).toContain("lock-lost");
      });

      it("is whole again afterwards, and no share is left", async () => {
        cutOffFromEtcd(a, false);
        setCut(lab, false);
        // b gives way once a has taken its share back: a's skew is the better one, and all preempt.
        await settled();
        await waitFor("one has the lock", () => lockOf(a).held && !lockOf(b).held, patience);
        await waitUntilCleared(a, "lock-not-held", "lock-unreachable");
      });

      it("serves nobody without etcd, and again when it is back", async () => {
        await etcd.kill();
        await Promise.all([waitForReason(a, "lock-unreachable"), waitForReason(b, "lock-unreachable")]);
        // Which of the two is MASTER then depends on who demoted itself first.
        await waitFor(
          "the one that is MASTER serves nobody, and says why",
          () => [a, b].some((host) => codesOf(host).includes("lock-not-held") && !statusOf(host).proxysql.up),
          patience,
          200,
        );
        expect([a, b].filter((host) => statusOf(host).leads !== null && statusOf(host).proxysql.up)).toEqual(
          [],
        );
        await etcd.start();
        await waitFor(
          "one of them leads and serves",
          () =>
            [a, b].some((host) => {
              const { role, leads, proxysql } = statusOf(host);
              return role === "MASTER" && leads !== null && proxysql.serving && lockOf(host).held;
            }),
          2 * patience,
          200,
        );
        await waitUntilCleared(a, "lock-not-held", "lock-unreachable");
        await waitUntilCleared(b, "lock-not-held", "lock-unreachable");
      });

      function cutOffFromEtcd(host: Host, cut: boolean): void {
        setReachable(host.port, witness, !cut);
      }
    });
  },
);
