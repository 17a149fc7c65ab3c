import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { waitForReason, waitUntilCleared } from "../../support/host/guards.js";
import { carpRole, freezeHost, type Host } from "../../support/host/host.js";
import { hostOf, type Lab, shopDatabase, startAll } from "../../support/host/netns.js";
import {
  journalOf,
  patience,
  statusOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";

/** Where b's command writes its arguments, and where it reads what it is to do. */
function filesOf(host: Host): { program: string; shots: string; order: string } {
  const at = (name: string): string => join(host.network.root, name);
  return { program: at("shoot"), shots: at("shots"), order: at("order") };
}

function shotsOf(host: Host): string[] {
  const { shots } = filesOf(host);
  return existsSync(shots) ? readFileSync(shots, "utf8").trim().split("\n") : [];
}

describeHosts("a peer that hangs and may still hold the address", (makeLab) => {
  let lab: Lab;
  let a: Host;
  let b: Host;

  function prepare(onFailure: "hold" | "go-on"): void {
    const root = (): string => hostOf(lab, "b").network.root;
    lab = makeLab({
      standby: "cold",
      databases: [shopDatabase],
      more: {
        stonith: `command = ["@ROOT@/shoot", "--off", "{peer} at {host}"]\non_failure = "${onFailure}"`,
      },
    });
    [a, b] = [hostOf(lab, "a"), hostOf(lab, "b")];
    for (const { places } of [a, b])
      writeFileSync(places.config, readFileSync(places.config, "utf8").replaceAll("@ROOT@", root()));
    const { program, shots, order } = filesOf(b);
    const lines = ["#!/bin/sh", `echo "$# $* $PROXYSQL_CARP_PEER" >>${shots}`, `. ${order}`];
    writeFileSync(program, `${lines.join("\n")}\n`);
    chmodSync(program, 0o755);
    writeFileSync(order, "exit 1\n");
  }

  /** a hangs with all its programs, CARP's speaker too; its kernel still takes connections at its address. */
  async function hang(): Promise<void> {
    await waitUntilLeading(a, shop);
    await waitUntilStandingBy(b, a, shop);
    freezeHost(a, true);
    await waitFor("b is MASTER", () => carpRole(b) === "MASTER", patience);
  }

  it("is shot with the right words before this node is promoted; while that fails, the promotion is held", async () => {
    prepare("hold");
    await startAll(lab);
    await hang();
    const reason = await waitForReason(b, "stonith-failed");
    expect(reason).toMatchObject({ about: "a", severity: "critical" });
    await waitFor("b tries again", () => shotsOf(b).length >= 2, patience);
    expect(new Set(shotsOf(b))).toEqual(new Set(["2 --off a at 192.0.2.11 a"]));
    expect(statusOf(b)).toMatchObject({ role: "MASTER", leads: null, proxysql: { up: false } });

    const { order } = filesOf(b);
    writeFileSync(order, `touch ${order}.hit\nexit 0\n`);
    await waitUntilLeading(b, shop);
    expect(existsSync(`${order}.hit`)).toBe(true);
    rmSync(`${order}.hit`);
    await waitUntilCleared(b, "stonith-failed");
    const shots = shotsOf(b).length;
    expect(journalOf(b).notes.filter((kind) => kind === "stonith")).toHaveLength(shots);
  });

  it("is survived by a node that is told to go on", async () => {
    prepare("go-on");
    await startAll(lab);
    await hang();
    await waitUntilLeading(b, shop);
    await waitForReason(b, "stonith-failed");
    expect(shotsOf(b)).toEqual(["2 --off a at 192.0.2.11 a"]);
  });
});
