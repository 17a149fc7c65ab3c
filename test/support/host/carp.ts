/**
 * The CARP part of a FreeBSD kernel, made of Linux' ucarp: node build/test/support/host/carp.js
 * with HOST_STATE, CARP_VHID (9@em0), CARP_ADDRESS (shared), CARP_SOURCE (own), CARP_SKEW in the environment.
 *
 * ucarp elects; this program adds what it lacks: no carrier or net.inet.carp.allow=0 is INIT, the link's return is
 * BACKUP first and MASTER only after an election, net.inet.carp.demotion is added to the skew that goes out, and a
 * role asked for with ifconfig.
 *
 * ucarp takes its skew at start only and starts as BACKUP. So for a master whose skew changes a second one is started
 * beside the first, which it does not hear (it has the same address). It takes over from the first as soon as it is
 * master too, 1 to 2 s later; the kernel does it at once. From then on it is as in the kernel: a demoted master stays
 * master and says the new skew, a backup with net.inet.carp.preempt=1 and a better skew takes over when it hears that,
 * and one without preempt does not.
 *
 * One thing is not as in the kernel: there a backup's own demotion does not lengthen its wait for a dead master (3 s and
 * the skew); here it does, by less than a second.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const everyMs = 50;
/** Above 240 the kernel does not count on. */
const mostSkew = 240;

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`carp: ${name} is not set`);
  }
  return value;
}

const state = required("HOST_STATE");
const vhid = required("CARP_VHID");
const address = required("CARP_ADDRESS");
const source = required("CARP_SOURCE");
const skew = Number(required("CARP_SKEW"));
const [number = "", interfaceName = ""] = vhid.split("@");
/** The scripts are not compiled: they are where the sources are, next to build/. */
const scripts = join(dirname(fileURLToPath(import.meta.url)), "../../../../test/support/host/bin");

type Speaker = {
  readonly process: ChildProcess;
  readonly settings: string;
  /** Started so that it is master soon: not for a backup, which waits three of its intervals. */
  readonly eager: boolean;
  readonly startedAt: number;
  /** By its own words. It says so before it runs the script that writes the role. */
  phase: "waiting" | "master" | "past";
};

/** An eager speaker is master after 1 s and its skew, unless it hears a better one. */
const eagerMs = 4_000;

let speaker: Speaker | undefined;
/** The one that is to replace a master's speaker. */
let successor: Speaker | undefined;
/** Looks in a row that found the role MASTER without a speaker who is. */
let unfounded = 0;
let told: string | undefined;

function read(path: string, fallback: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return fallback;
  }
}

function sysctl(name: string, fallback: number): number {
  return Number(read(join(state, "sysctl", `net.inet.carp.${name}`), String(fallback)));
}

function hasCarrier(): boolean {
  // Reading it on an interface that is down is an error (EINVAL).
  return read(`/sys/class/net/${interfaceName}/carrier`, "0") === "1";
}

function roleNow(): string {
  return read(join(state, "carp", vhid, "role"), "");
}

/** Not asked to end: at a stop ucarp would run its scripts, and a lost link runs none. */
function stopSpeakers(): void {
  speaker?.process.kill("SIGKILL");
  successor?.process.kill("SIGKILL");
  speaker = undefined;
  successor = undefined;
}

function startSpeaker(settings: string, eager: boolean): Speaker {
  const options = [
    `--interface=${interfaceName}`,
    `--srcip=${source}`,
    `--vhid=${number}`,
    "--pass=test",
    `--addr=${address}`,
    "--advbase=1",
    `--upscript=${join(scripts, "carp-up")}`,
    `--downscript=${join(scripts, "carp-down")}`,
    "--ignoreifstate",
    ...settings.split(" "),
    // Neutral: its start is no change of the role. Preempting: a master does not give way to a slower one.
    ...(eager ? ["--neutral", "--deadratio=1", "--preempt"] : []),
  ];
  const child = spawn("ucarp", options, { stdio: ["ignore", "pipe", "pipe"] });
  const started: Speaker = { process: child, settings, eager, startedAt: Date.now(), phase: "waiting" };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      process.stdout.write(`${new Date().toISOString()} ${child.pid} ${line}\n`);
      const to = /Switching to state: (\w+)/.exec(line)?.[1];
      if (to === "MASTER") {
        started.phase = "master";
      } else if (to !== undefined && started.phase === "master") {
        started.phase = "past";
      }
    });
  }
  child.on("exit", () => {
    if (speaker === started) {
      speaker = undefined;
    }
    if (successor === started) {
      successor = undefined;
    }
  });
  return started;
}

/** Once on every change; the script keeps quiet if the role is that already. */
function setRole(role: "INIT" | "BACKUP"): void {
  if (roleNow() !== role) {
    execFileSync(join(scripts, "carp-role"), [role], { stdio: "inherit" });
  }
}

/** What ifconfig was asked for since the last look: `state backup` or `state master`. */
function takeWanted(): string {
  const path = join(state, "carp", vhid, "wanted");
  if (!existsSync(path)) {
    return "";
  }
  const wanted = read(path, "");
  rmSync(path, { force: true });
  return wanted;
}

/** A backup's speaker, from the start of its wait. */
function waitAnew(settings: string): void {
  stopSpeakers();
  setRole("BACKUP");
  speaker = startSpeaker(settings, false);
}

function tick(): void {
  const wanted = takeWanted();
  if (!hasCarrier() || sysctl("allow", 1) === 0) {
    stopSpeakers();
    setRole("INIT");
    return;
  }
  const demoted = Math.max(0, Math.min(mostSkew, skew + sysctl("demotion", 0)));
  const settings = `--advskew=${demoted}${sysctl("preempt", 0) === 1 ? " --preempt" : ""}`;
  // A speaker that was stopped while its script ran leaves a role behind; one look alone may come before its words.
  unfounded = roleNow() === "MASTER" && speaker?.phase === "waiting" ? unfounded + 1 : 0;
  if (unfounded > 2) {
    setRole("BACKUP");
  }
  if (roleNow() === "MASTER" && speaker !== undefined) {
    tickMaster(speaker, settings, wanted);
  } else {
    tickBackup(settings, wanted);
  }
}

/** Steps down when asked, without a farewell: the peer waits its whole time, and so does this one. */
function tickMaster(current: Speaker, settings: string, wanted: string): void {
  if (wanted === "backup") {
    waitAnew(settings);
    return;
  }
  if (successor !== undefined && (successor.settings !== settings || current.settings === settings)) {
    successor.process.kill("SIGKILL");
    successor = undefined;
  }
  if (current.settings === settings) {
    return;
  }
  successor ??= startSpeaker(settings, true);
  if (successor.phase === "master") {
    speaker = successor;
    successor = undefined;
    current.process.kill("SIGKILL");
  }
}

/** Asked to be master it is one soon, unless the living master is better: in the kernel at once, and then not any more. */
function tickBackup(settings: string, wanted: string): void {
  if (wanted === "master") {
    stopSpeakers();
    speaker = startSpeaker(settings, true);
    return;
  }
  if (speaker !== undefined && speaker.settings === settings && isHopeful(speaker)) {
    return;
  }
  waitAnew(settings);
}

/** Whether a backup's speaker may go on: an eager one that hears a better master, or has been one itself, may not. */
function isHopeful({ eager, phase, startedAt }: Speaker): boolean {
  return !eager || phase === "master" || (phase === "waiting" && Date.now() - startedAt < eagerMs);
}

/** For tests: what the speaker was started with, as in `--advskew=240 --preempt`, and "eager" while it is that. */
function tell(): void {
  const words = speaker === undefined ? "" : `${speaker.settings}${speaker.eager ? " eager" : ""}`;
  if (words !== told) {
    told = words;
    writeFileSync(join(state, "carp", vhid, "speaks"), `${words}\n`);
  }
}

setInterval(() => {
  tick();
  tell();
}, everyMs);
