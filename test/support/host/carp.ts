/**
 * The CARP part of a FreeBSD kernel, made of Linux' ucarp: node build/test/support/host/carp.js
 * with HOST_STATE, CARP_VHID (9@em0), CARP_ADDRESS (shared), CARP_SOURCE (own), CARP_SKEW in the environment.
 *
 * ucarp elects; this program adds what it lacks: no carrier or net.inet.carp.allow=0 is INIT, the link's return is
 * BACKUP first and MASTER only after an election, net.inet.carp.demotion is added to the skew that goes out, and a
 * role asked for with ifconfig. ucarp takes its skew at start only, so a changed one makes it start anew: a
 * demoted master is BACKUP at once here, and the peer follows when its timer runs out (3 s, in the kernel under 1 s
 * if the peer preempts).
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
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

let speaker: { process: ChildProcess; settings: string } | undefined;
/** The settings at the time `state master` was asked for; it holds as long as they do. */
let forced: string | undefined;

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

function stopSpeaker(): void {
  if (speaker === undefined) {
    return;
  }
  const stopped = speaker.process;
  speaker = undefined;
  // Not asked to end: at a stop ucarp would run its scripts, and a lost link runs none.
  stopped.kill("SIGKILL");
}

function startSpeaker(settings: string): void {
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
  ];
  const child = spawn("ucarp", options, { stdio: ["ignore", "inherit", "inherit"] });
  speaker = { process: child, settings };
  child.on("exit", () => {
    if (speaker?.process === child) {
      speaker = undefined;
    }
  });
}

/** Once on every change; the script keeps quiet if the role is that already. */
function setRole(role: "INIT"): void {
  if (read(join(state, "carp", vhid, "role"), "") !== role) {
    execFileSync(join(scripts, "carp-role"), [role], { stdio: "inherit" });
  }
}

/** `state backup` makes the master step down; `state master` means the lowest skew, preempting, until something else changes. */
function takeWanted(): string {
  const path = join(state, "carp", vhid, "wanted");
  if (!existsSync(path)) {
    return "";
  }
  const wanted = read(path, "");
  rmSync(path, { force: true });
  return wanted;
}

function tick(): void {
  const wanted = takeWanted();
  if (!hasCarrier() || sysctl("allow", 1) === 0) {
    forced = undefined;
    stopSpeaker();
    setRole("INIT");
    return;
  }
  const demoted = Math.max(0, Math.min(mostSkew, skew + sysctl("demotion", 0)));
  const preempt = sysctl("preempt", 0) === 1 ? " --preempt" : "";
  const regular = `--advskew=${demoted}${preempt}`;
  if (wanted === "backup") {
    forced = undefined;
    speaker?.process.kill("SIGUSR2");
  }
  if (wanted === "master") {
    forced = regular;
  }
  if (forced !== regular) {
    forced = undefined;
  }
  const settings = forced === undefined ? regular : "--advskew=0 --preempt";
  if (speaker?.settings !== settings) {
    stopSpeaker();
    startSpeaker(settings);
  }
}

setInterval(tick, everyMs);
