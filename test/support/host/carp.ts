/**
 * The CARP part of a FreeBSD kernel, made of Linux' ucarp: node build/test/support/host/carp.js
 * with HOST_STATE, CARP_VHID (9@em0), CARP_ADDRESS (shared), CARP_SOURCE (own), CARP_SKEW in the environment.
 *
 * ucarp elects; this program adds what it lacks: no carrier or net.inet.carp.allow=0 is INIT, the link's return is
 * BACKUP first and MASTER only after an election, net.inet.carp.demotion is added to the skew that goes out, and a
 * role asked for with ifconfig.
 *
 * ucarp takes its skew at start only, starts as BACKUP, and needs 1 to 2 s to be master. The kernel says a master's new
 * skew at once, and takes a role that it is asked to take at once. So until a second ucarp is master, which does not
 * hear the first (it has the same address), a voice of our own speaks for it (advertise.py), and the first is stopped.
 * What is heard is acted on here too, by the kernel's rules: whoever hears a more frequent master is BACKUP at once, and
 * a backup with net.inet.carp.preempt=1 takes over at once from a less frequent one. What is left to ucarp is the regular
 * advertisement and what follows when none comes.
 *
 * One thing is not as in the kernel: there a backup's own demotion does not lengthen its wait for a dead master (3 s and
 * the skew), nor begin it anew; here it does, the first by less than a second.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Heard, startVoice } from "./voice.js";

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
const sources = join(dirname(fileURLToPath(import.meta.url)), "../../../../test/support/host");
const scripts = join(sources, "bin");

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
/** The one that is to replace a master's speaker. Until it is master, the voice speaks for it. */
let successor: Speaker | undefined;
/** Looks in a row that found the role MASTER without a speaker who is. */
let unfounded = 0;
let told: string | undefined;
const voice = startVoice([join(sources, "advertise.py"), interfaceName, number, source, address], hear);

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
  if (successor !== undefined) {
    voice.quiet();
  }
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
    // Its start is no change of the role: the script for that could come after one that makes this host master.
    "--neutral",
    // Preempting: a master does not give way to a slower one.
    ...(eager ? ["--deadratio=1", "--preempt"] : []),
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
function setRole(role: "INIT" | "BACKUP" | "MASTER"): void {
  if (roleNow() !== role) {
    execFileSync(join(scripts, "carp-role"), [role], { stdio: "inherit" });
  }
}

/** What ifconfig was asked for since the last look: `state backup` or `state master`. */
function takeWanted(): string {
  const path = join(state, "carp", vhid, "wanted");
  const wanted = read(path, "");
  // Empty: it is about to be written.
  if (wanted !== "") {
    rmSync(path, { force: true });
  }
  return wanted;
}

/** A backup's speaker, from the start of its wait. */
function waitAnew(settings: string): void {
  stopSpeakers();
  setRole("BACKUP");
  speaker = startSpeaker(settings, false);
}

/** What goes out with a skew: above 240 the kernel does not count on. */
function demotedSkew(): number {
  return Math.max(0, Math.min(mostSkew, skew + sysctl("demotion", 0)));
}

function settingsNow(): string {
  return `--advskew=${demotedSkew()}${sysctl("preempt", 0) === 1 ? " --preempt" : ""}`;
}

function isOut(): boolean {
  return !hasCarrier() || sysctl("allow", 1) === 0;
}

function tick(): void {
  const wanted = takeWanted();
  if (isOut()) {
    stopSpeakers();
    setRole("INIT");
    return;
  }
  const settings = settingsNow();
  // A speaker that was stopped while its script ran leaves a role behind; one look alone may come before its words.
  const isFounded = successor !== undefined || speaker?.phase !== "waiting";
  unfounded = roleNow() === "MASTER" && !isFounded ? unfounded + 1 : 0;
  if (unfounded > 2) {
    setRole("BACKUP");
  }
  if (roleNow() === "MASTER" && (speaker !== undefined || successor !== undefined)) {
    tickMaster(settings, wanted);
  } else {
    tickBackup(settings, wanted);
  }
}

/** Steps down when asked, without a farewell: the peer waits its whole time, and so does this one. */
function tickMaster(settings: string, wanted: string): void {
  if (wanted === "backup" || (successor !== undefined && !isHopeful(successor))) {
    waitAnew(settings);
    return;
  }
  if (speaker?.settings === settings) {
    goOn(speaker);
    return;
  }
  if (successor?.settings !== settings) {
    speakWith(settings);
  }
  if (successor?.phase === "master") {
    voice.quiet();
    speaker?.process.kill("SIGKILL");
    speaker = successor;
    successor = undefined;
  }
}

/** What goes out is right again before a successor was master: as if nothing had been, but that all are told at once. */
function goOn(current: Speaker): void {
  if (successor === undefined) {
    return;
  }
  successor.process.kill("SIGKILL");
  successor = undefined;
  voice.quiet();
  voice.say(demotedSkew());
  current.process.kill("SIGCONT");
}

/** A master's new skew goes out at once, and a ucarp that says it is on its way. */
function speakWith(settings: string): void {
  speaker?.process.kill("SIGSTOP");
  successor?.process.kill("SIGKILL");
  voice.speak(demotedSkew());
  successor = startSpeaker(settings, true);
}

/** MASTER at once, as the kernel when it is asked to, or hears a less frequent master and preempts. */
function claim(settings: string): void {
  stopSpeakers();
  setRole("MASTER");
  speakWith(settings);
  voice.announce();
}

function tickBackup(settings: string, wanted: string): void {
  if (wanted === "master") {
    claim(settings);
    return;
  }
  if (speaker !== undefined && speaker.settings === settings && isHopeful(speaker)) {
    return;
  }
  waitAnew(settings);
}

/** ucarp would hear the same, up to a second later: libpcap gives it what came in that often. */
function hear(heard: Heard): void {
  if (isOut()) {
    return;
  }
  const settings = settingsNow();
  const ours = 256 + demotedSkew();
  const theirs = heard.base * 256 + heard.skew;
  const role = roleNow();
  // Of two that are equal the kernel lets both go on; ucarp has the lower address win, so that test hosts come to rest.
  if (role === "MASTER" && (theirs < ours || (theirs === ours && isLower(heard.source, source)))) {
    waitAnew(settings);
  }
  if (role === "BACKUP" && sysctl("preempt", 0) === 1 && ours < theirs) {
    claim(settings);
  }
}

function isLower(one: string, other: string): boolean {
  const last = (text: string): number => Number(text.split(".").at(-1));
  return last(one) < last(other);
}

/** Whether a speaker may go on: an eager one that hears a better master, or has been one itself, may not. */
function isHopeful({ eager, phase, startedAt }: Speaker): boolean {
  return !eager || phase === "master" || (phase === "waiting" && Date.now() - startedAt < eagerMs);
}

/** For tests: what goes out, as in `--advskew=240 --preempt`. */
function tell(): void {
  const words = (successor ?? speaker)?.settings ?? "";
  if (words !== told) {
    told = words;
    writeFileSync(join(state, "carp", vhid, "speaks"), `${words}\n`);
  }
}

function look(): void {
  tick();
  tell();
}

setInterval(look, everyMs);
// The kernel acts in the moment of the change.
mkdirSync(join(state, "sysctl"), { recursive: true });
for (const directory of [join(state, "sysctl"), join(state, "carp", vhid)]) {
  watch(directory, (_, name) => {
    if (name !== null && /^(?:net\.inet\.carp\.\w+|wanted)$/.test(name)) {
      look();
    }
  });
}
