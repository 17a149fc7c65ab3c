import { afterEach, describe, expect, it } from "vitest";
import type { Pair } from "../../support/pair/pair.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { leads, startPair, until } from "../agent/harness.js";
import { configure, configureBoth, converged, heldBy, intentOf, namesIn, notesOf } from "./harness.js";

let pair: Pair;
afterEach(() => pair.end());

const extra = { proxysql: ['start_timeout = "5s"'] };

describe("snapshot restore", () => {
  it.each(["warm", "cold"] as const)("%s: there and back, on both nodes, in one line", async (standby) => {
    pair = await startPair({ standby, extra });
    const { a, b } = pair;
    const old = await configureBoth(pair, "old");
    const present = await configureBoth(pair, "new");

    const there = await a.cli("snapshot", "restore", old, "--yes");
    expect(there).toMatchObject({ code: 0, stderr: "" });
    expect(there.stdout).toContain("mysql_users: 1 lost, 1 back");
    expect(there.stdout).not.toContain("secret");
    expect(there.stdout).toContain("Peer b has it.");
    expect(await namesIn(a)).toBe("old");
    await converged(pair, a);

    // What it replaced is in a snapshot, which brings it back.
    const back = await a.cli("snapshot", "restore", present, "--yes", "--json");
    expect(JSON.parse(back.stdout)).toMatchObject({
      equal: false,
      result: { from: present, peers: [{ name: "b", has: true }] },
    });
    expect(await namesIn(a)).toBe("new");
    await converged(pair, a);

    const { running } = await b.status();
    const shipped = (await heldBy(b)).at(-1);
    expect(shipped).toMatchObject({ epoch: running?.epoch, content: (await heldBy(a)).at(-1)?.content });
    await a.kill();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b), 40_000);
    expect(await namesIn(b)).toBe("new");
    // Nobody refused anything as older, and nobody lost an edit unheard.
    for (const kind of ["divergence", "superseded-unshipped", "local-edit-replaced"])
      expect(notesOf(b, kind), kind).toEqual([]);
    expect(notesOf(a, "restore-done")).toHaveLength(2);
  });

  it("keeps what was not in a snapshot yet, and what somebody has just emptied", async () => {
    pair = await startPair({ standby: "warm", extra });
    const { a } = pair;
    const old = await configureBoth(pair, "old");
    await configure(a, "latest");
    await a.admin("DELETE FROM mysql_users", "LOAD MYSQL USERS TO RUNTIME", "SAVE MYSQL USERS TO DISK");
    const { stdout } = await a.cli("snapshot", "restore", old, "--yes", "--json");
    const { kept } = (JSON.parse(stdout) as { result: { kept: string } }).result;
    expect(await namesIn(a)).toBe("old");

    const shown = await a.cli("snapshot", "show", kept, "--json");
    const { rows } = (JSON.parse(shown.stdout) as { manifest: { rows: Record<string, number> } }).manifest;
    expect(rows).toMatchObject({ mysql_servers: 1, mysql_users: 0, mysql_query_rules: 1 });
    expect((await a.cli("snapshot", "restore", kept, "--yes")).code).toBe(0);
    expect(await namesIn(a)).toBe("latest");
    // The peer takes the emptiness as meant.
    await converged(pair, a);
  });

  it("installs it where ProxySQL is down, and the active node's ProxySQL serves it", async () => {
    pair = await startPair({
      standby: "warm",
      extra: { proxysql: ['start_timeout = "5s"', "restarts = 1"] },
    });
    const { a } = pair;
    const old = await configureBoth(pair, "old");
    await configureBoth(pair, "new");
    // The agent is frozen, so that it has not started ProxySQL again when it is asked.
    a.signalAgent("SIGSTOP");
    await a.killProxysql();
    const restoring = a.cli("snapshot", "restore", old, "--yes");
    a.signalAgent("SIGCONT");
    expect(await restoring).toMatchObject({ code: 0 });
    expect(await namesIn(a)).toBe("old");
    await converged(pair, a);
  });

  it("does nothing without being told to, on a passive node, in maintenance, or twice at once", async () => {
    pair = await startPair({ standby: "warm", extra });
    const { a, b } = pair;
    const old = await configureBoth(pair, "old");
    await configureBoth(pair, "new");

    expect(await a.cli("snapshot", "restore", old)).toMatchObject({ code: 2 });
    expect(await a.cli("snapshot", "restore", old, "--dry-run")).toMatchObject({ code: 0 });
    const passive = await b.cli("snapshot", "restore", old, "--yes");
    expect(passive).toMatchObject({ code: 1, stdout: "" });
    expect(passive.stderr).toContain("Restore it on a, which is active");
    await a.cli("maintenance", "on");
    const maintained = await a.cli("snapshot", "restore", old, "--dry-run", "--json");
    expect(maintained.code).toBe(1);
    expect((JSON.parse(maintained.stdout) as { refused: string }).refused).toContain("maintenance");
    expect((await a.cli("snapshot", "restore", old, "--yes")).code).toBe(1);
    await a.cli("maintenance", "off");
    expect(await namesIn(a)).toBe("new");

    const both = await Promise.all([
      a.cli("snapshot", "restore", old, "--yes"),
      a.cli("snapshot", "restore", old, "--yes"),
    ]);
    // The later one is refused, or finds that there is nothing left to do.
    expect(both.filter(({ stdout }) => stdout.includes("Restored "))).toHaveLength(1);
    expect(await namesIn(a)).toBe("old");
    const again = await a.cli("snapshot", "restore", old, "--yes");
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain("Nothing to restore");
  });

  it.skipIf(usesRealProxysql).each(["die", "deaf"])(
    "brings back what was there when ProxySQL does not live with it: standin:%s",
    async (kind) => {
      pair = await startPair({ standby: "warm", extra });
      const { a, b } = pair;
      await configureBoth(pair, "old");
      await a.admin(`UPDATE mysql_servers SET comment = 'standin:${kind}'`, "SAVE MYSQL SERVERS TO DISK");
      const bad = JSON.parse((await a.cli("snapshot", "take", "--json")).stdout) as { since: string };
      const present = await configureBoth(pair, "new");

      const refused = await a.cli("snapshot", "restore", bad.since, "--yes");
      expect(refused).toMatchObject({ code: 1 });
      expect(refused.stderr).toContain("What was there before is back.");
      expect(await namesIn(a)).toBe("new");
      expect(intentOf(a)).toBeNull();
      const held = await heldBy(a);
      expect(held.at(-1)?.content).toBe(held.find(({ id }) => id === present)?.content);
      expect((await a.status()).doubts).toEqual([]);
      // While it was in place and unproven nobody took a snapshot of it, or tried to.
      expect(notesOf(a, "snapshot-not-taken")).toEqual([]);
      expect(held.filter(({ id }) => id > present)).toEqual([]);

      // It goes on as before: the next change is shipped.
      await configureBoth(pair, "later");
      await converged(pair, a);
      // The other node's ProxySQL has failed on it too, when it was the newest.
      await until("b serves it", async () => (await namesIn(b)) === "later", 60_000);
    },
  );
});
