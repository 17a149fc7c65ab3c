import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import {
  carpRole,
  carpWords,
  devdLog,
  dropDevdEvents,
  type Host,
  holdsAddress,
  killHost,
  linkDown,
  linkUp,
  runOnce,
  startHost,
  sysctl,
} from "../support/host/host.js";
import { linkUser, sharedAddress, vhid } from "../support/host/host-files.js";
import { hostOf, type Lab, setCut, setDeaf, startAll } from "../support/host/netns.js";
import { setReachable } from "../support/host/network.js";
import { describeHosts } from "../support/host/suite.js";
import { waitFor } from "../support/host/wait.js";

function eventsOf(host: Host): string[] {
  return devdLog(host)
    .filter((entry) => entry.dropped === undefined)
    .map((entry) => entry.event.replace(/.*type=/, ""));
}

function rolesAre(a: Host, b: Host, wanted: string): boolean {
  return `${carpRole(a)} ${carpRole(b)}` === wanted;
}

/** A login as the agent of `from` makes it, with a command of its own, which the forced one replaces. */
function ssh(from: Host, to: Host, hostKey = to.identity.hostKey): ReturnType<typeof runOnce> {
  const known = join(from.places.etc, "known_hosts");
  writeFileSync(known, `${to.port.address} ${hostKey}\n`);
  const options = [
    "-o",
    "BatchMode=yes",
    "-o",
    `UserKnownHostsFile=${known}`,
    "-o",
    "ConnectTimeout=5",
    "-F",
    "none",
  ];
  const key = ["-i", join(from.places.etc, "id_ed25519")];
  return runOnce(from, ["ssh", ...options, ...key, `${linkUser.name}@${to.port.address}`, "id"]);
}

// These hold the test hosts themselves, without an agent: what the cases in the other files stand on.
describeHosts("the simulated hosts", (makeLab) => {
  let lab: Lab;
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    lab = makeLab({ standby: "cold" });
    a = hostOf(lab, "a");
    b = hostOf(lab, "b");
    await startAll(lab, { agent: false });
    await waitFor("a wins the election", () => rolesAre(a, b, "MASTER BACKUP"));
  });

  it("give the address to one of them and tell devd, in the kernel's order", async () => {
    expect([holdsAddress(a), holdsAddress(b)]).toEqual([true, false]);
    await waitFor("devd of a has both", () => eventsOf(a).length === 2);
    expect(eventsOf(a)).toEqual(["BACKUP", "MASTER"]);
    expect(eventsOf(b)).toEqual(["BACKUP"]);
    expect(runOnce(b, ["nc", "-z", "-w", "5", sharedAddress, "22"]).status).toBe(0);
  });

  it("run the project's hook, which spools while there is no agent", async () => {
    const spool = join(a.places.stateDir, "spool");
    await waitFor(
      "spooled",
      () => spawnSync("ls", [spool], { encoding: "utf8" }).stdout.split("\n").length > 2,
    );
    const texts = spawnSync("/bin/sh", ["-c", `cat ${spool}/*.event`], { encoding: "utf8" }).stdout;
    expect(texts).toContain(`{"op":"event","type":"MASTER","subsystem":"${vhid}"}\n`);
  });

  it("show the role as FreeBSD 14 does", () => {
    const fixture = readFileSync("test/fixtures/freebsd/ifconfig-14-master.txt", "utf8");
    expect(runOnce(a, ["ifconfig", "em0"]).stdout).toBe(fixture);
    expect(runOnce(b, ["ifconfig"]).stdout).toContain(
      "\tcarp: BACKUP vhid 9 advbase 1 advskew 100\n\t      peer 224.0.0.18",
    );
  });

  it("accept the peer's key for the forced command alone, from a user of their own", () => {
    const users = readFileSync("/etc/passwd", "utf8");
    expect(users).not.toContain(`${linkUser.name}:`);
    expect(runOnce(b, ["id", "-u", linkUser.name]).stdout.trim()).toBe(String(linkUser.id));
    const command = readFileSync(join(b.places.home, ".ssh", "authorized_keys"), "utf8");
    expect(command).toMatch(/^command="[^"]* serve",restrict ssh-ed25519 /);
    const result = ssh(a, b);
    expect(result.stderr).not.toMatch(/Permission denied|verification failed/);
    expect(result.stdout).not.toContain("uid=");
    expect(ssh(a, b, a.identity.hostKey).stderr).toContain("Host key verification failed");
  });

  it("lose the unicast traffic between two of them, and nothing else", async () => {
    setReachable(a.port, b.port, false);
    expect(ssh(a, b).stderr).toContain("timed out");
    expect(rolesAre(a, b, "MASTER BACKUP")).toBe(true);
    setReachable(a.port, b.port, true);
    await waitFor("healed", () => runOnce(a, ["nc", "-z", "-w", "1", b.port.address, "22"]).status === 0);
  });

  it("turn INIT when the link goes, BACKUP when it comes back", async () => {
    await waitFor("devd of a has the last event", () => eventsOf(a).at(-1) === "MASTER");
    const before = eventsOf(a).length;
    linkDown(a);
    await waitFor("a sees it", () => carpRole(a) === "INIT");
    expect(holdsAddress(a)).toBe(false);
    expect(runOnce(a, ["ifconfig"]).stdout).toContain("carp: INIT vhid 9");
    await waitFor("b takes over", () => carpRole(b) === "MASTER");
    linkUp(a);
    await waitFor("a is back", () => carpRole(a) === "BACKUP");
    expect(rolesAre(a, b, "BACKUP MASTER")).toBe(true);
    await waitFor("devd of a has both", () => eventsOf(a).length === before + 2);
    expect(eventsOf(a).slice(before)).toEqual(["INIT", "BACKUP"]);
  });

  it("both become master when they no longer see each other, and one gives way after", async () => {
    setCut(lab, true);
    await waitFor("two masters", () => rolesAre(a, b, "MASTER MASTER"));
    setCut(lab, false);
    await waitFor("the slower one gives way", () => rolesAre(a, b, "MASTER BACKUP"));
  });

  it("can lose events on their way to devd", async () => {
    await waitFor("devd of b has the last event", () => eventsOf(b).at(-1) === "BACKUP");
    const before = eventsOf(b).length;
    dropDevdEvents(b, true);
    linkDown(b);
    await waitFor("b is out", () => carpRole(b) === "INIT");
    await waitFor("dropped", () => devdLog(b).some((entry) => entry.dropped));
    dropDevdEvents(b, false);
    linkUp(b);
    await waitFor("b is back", () => carpRole(b) === "BACKUP");
    await waitFor("the next event arrives", () => eventsOf(b).length === before + 1);
    expect(eventsOf(b).slice(before)).toEqual(["BACKUP"]);
  });

  it("both become master when only CARP is withheld, and still reach each other", async () => {
    setDeaf(lab, true);
    await waitFor("two masters", () => rolesAre(a, b, "MASTER MASTER"));
    expect(runOnce(a, ["nc", "-z", "-w", "5", b.port.address, "22"]).status).toBe(0);
    setDeaf(lab, false);
    await waitFor("the slower one gives way", () => rolesAre(a, b, "MASTER BACKUP"));
  });

  it("demote by sysctl, additively; a demoted master stays one while nobody preempts", async () => {
    expect(sysctl(a, "net.inet.carp.demotion=140")).toBe("net.inet.carp.demotion: 0 -> 140\n");
    expect(sysctl(a, "net.inet.carp.demotion=100")).toBe("net.inet.carp.demotion: 140 -> 240\n");
    await waitFor("a says it", () => carpWords(a).startsWith("--advskew=240"));
    const changes = eventsOf(a).length;
    expect(rolesAre(a, b, "MASTER BACKUP")).toBe(true);
    // As FreeBSD: no farewell, so b comes when its time is up.
    expect(runOnce(a, ["ifconfig", "em0", "vhid", "9", "state", "backup"]).status).toBe(0);
    await waitFor("b takes over", () => rolesAre(a, b, "BACKUP MASTER"));
    await waitFor("one event", () => eventsOf(a).length === changes + 1);
    expect(sysctl(a, "net.inet.carp.demotion=-240")).toBe("net.inet.carp.demotion: 240 -> 0\n");
    expect(sysctl(a, "-n", "net.inet.carp.demotion")).toBe("0\n");
    expect(runOnce(a, ["sysctl", "net.inet.nothing"]).status).toBe(1);
  });

  it("move the address by demotion when the better one preempts, and back when it is taken back", async () => {
    for (const host of [a, b]) {
      sysctl(host, "net.inet.carp.preempt=1");
    }
    await waitFor("a preempts the slower one", () => rolesAre(a, b, "MASTER BACKUP"));
    sysctl(a, "net.inet.carp.demotion=100");
    // The same skew: nobody is better.
    await waitFor("a says it", () => carpWords(a).startsWith("--advskew=100"));
    expect(rolesAre(a, b, "MASTER BACKUP")).toBe(true);
    sysctl(a, "net.inet.carp.demotion=1");
    await waitFor("b preempts", () => rolesAre(a, b, "BACKUP MASTER"));
    expect([holdsAddress(a), holdsAddress(b)]).toEqual([false, true]);
    sysctl(a, "net.inet.carp.demotion=-101");
    await waitFor("a preempts", () => rolesAre(a, b, "MASTER BACKUP"));
    expect([holdsAddress(a), holdsAddress(b)]).toEqual([true, false]);
    sysctl(b, "net.inet.carp.preempt=0");
    sysctl(a, "net.inet.carp.preempt=0");
  });

  it("give a role asked for to the better one only", async () => {
    await waitFor("devd of b has the last event", () => eventsOf(b).at(-1) === "BACKUP");
    const before = eventsOf(b).length;
    // As FreeBSD: it is master at once, and gives way when it hears the better one.
    runOnce(b, ["ifconfig", "em0", "vhid", "9", "state", "master"]);
    await waitFor("b was master and gave way", () => eventsOf(b).length === before + 2);
    expect(eventsOf(b).slice(before)).toEqual(["MASTER", "BACKUP"]);
    expect(rolesAre(a, b, "MASTER BACKUP")).toBe(true);
    sysctl(a, "net.inet.carp.demotion=240");
    await waitFor("a says it", () => carpWords(a).startsWith("--advskew=240"));
    runOnce(b, ["ifconfig", "em0", "vhid", "9", "state", "master"]);
    await waitFor("b takes over", () => rolesAre(a, b, "BACKUP MASTER"));
    sysctl(a, "net.inet.carp.demotion=-240");
    runOnce(a, ["ifconfig", "em0", "vhid", "9", "state", "master"]);
    await waitFor("a has it again", () => rolesAre(a, b, "MASTER BACKUP"));
  });

  it("fail over when one is killed, which comes back as the backup", async () => {
    killHost(b);
    await waitFor("a takes over", () => carpRole(a) === "MASTER");
    expect(runOnce(b, ["true"]).status).toBe(0);
    expect(existsSync(join(b.places.hostState, "carp", vhid))).toBe(true);
    await startHost(b, { agent: false });
    await waitFor("b is backup", () => rolesAre(a, b, "MASTER BACKUP"));
  });
});
