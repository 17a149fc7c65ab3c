import { type ChildProcess, spawn } from "node:child_process";
import { monotonic, withDeadline } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import type { Owner } from "../platform/files.js";
import { isRoot, ownIdentity } from "../platform/plain-file.js";

/**
 * Makes a process that dies with us, however we die. FreeBSD's and Linux's ways to be told of a parent's death are out
 * of reach from here, and a pid kept in a file may be another process's by the time it is read. So a watcher in the
 * same process group reads a pipe whose other end only we hold: when that ends, we are gone, and the group is killed.
 * The watcher also keeps the group's id from being given to others for as long as we may want to kill it. The program
 * takes this shell's place, so that its pid and how it ended are known; nothing of what it is called gets into the text.
 */
const leash =
  'trap "" TERM; exec 3<&0 </dev/null; (read -r end <&3; kill -KILL 0) >/dev/null 2>&1 & ' +
  'trap - TERM; ulimit -c 0; exec "$@" 3<&-';

/** After SIGTERM ProxySQL ends within milliseconds; one that hangs is killed after this long. */
const politeMs = 5_000;
/** After SIGKILL only a process stuck in the kernel stays. */
const killedMs = 5_000;
/** What a process wrote at its end is in the pipe already; somebody else may hold the other end open. */
const lateOutputMs = 200;
const outputLimit = 4 * 1024;

/** How a scratch process ended. `afterMs` counts from its start. */
export interface ScratchEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly afterMs: number;
  /** Why it could not be started at all. */
  readonly startError?: string;
}

export interface ScratchProcess {
  /** How it ended, once it has. */
  readonly ended: ScratchEnd | undefined;
  readonly exited: Promise<ScratchEnd>;
  /** The last few kilobytes that it wrote, both streams in one. */
  output(): string;
  /** Kills it and everything it started, at once. */
  kill(): void;
  /** SIGTERM, after five seconds SIGKILL; then whatever is left of its group. One that stays is `not-done`. */
  stop(): Promise<void>;
}

export interface ScratchCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Who it runs as, if we are root. */
  readonly owner: Owner;
}

/** Starts a program in a process group of its own, as another user if we are root, without our environment. */
export function startScratch({ program, args, cwd, owner }: ScratchCommand): ScratchProcess {
  const began = monotonic();
  const child = spawn("/bin/sh", ["-c", leash, "drill", program, ...args], {
    cwd,
    detached: true,
    env: { PATH: "/sbin:/bin:/usr/sbin:/usr/bin" },
    stdio: ["pipe", "pipe", "pipe"],
    ...(isRoot() && owner.uid !== ownIdentity().uid ? { uid: owner.uid, gid: owner.gid } : {}),
  });
  const output = collectEnd(child);
  // The watcher's end of the leash may be gone before ours.
  child.stdin.on("error", () => undefined);
  let ended: ScratchEnd | undefined;
  const exited = new Promise<ScratchEnd>((resolve) => {
    const end = (how: Omit<ScratchEnd, "afterMs">): void => {
      ended ??= { ...how, afterMs: monotonic() - began };
      resolve(ended);
    };
    child.once("error", (error) => end({ code: null, signal: null, startError: sentenceOf(error) }));
    child.once("close", (code, signal) => end({ code, signal }));
    child.once("exit", (code, signal) => setTimeout(() => end({ code, signal }), lateOutputMs));
  });
  // Once the watcher is gone the group's number may be another's.
  let released = false;
  const kill = (): void => {
    if (!released && child.pid !== undefined) signalTo(-child.pid, "SIGKILL");
  };

  return {
    get ended() {
      return ended;
    },
    exited,
    output,
    kill,
    async stop() {
      try {
        if (ended === undefined) signalTo(child.pid, "SIGTERM");
        if (await isOver(exited, politeMs)) return;
        kill();
        if (await isOver(exited, killedMs)) return;
        throw new KnownError("not-done", `${program} (process ${child.pid}) survives SIGKILL.`);
      } finally {
        kill();
        released = true;
        child.stdin.destroy();
        child.stdout.destroy();
        child.stderr.destroy();
      }
    },
  };
}

async function isOver(exited: Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await withDeadline(exited, ms, "The end of a scratch process");
    return true;
  } catch (error) {
    if (isKnown(error, "deadline")) return false;
    throw error;
  }
}

function collectEnd({ stdout, stderr }: ChildProcess): () => string {
  let kept = Buffer.alloc(0);
  for (const stream of [stdout, stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]).subarray(-outputLimit);
    });
  }
  return () => kept.toString("utf8");
}

/** A process or a group (negative) that has ended already needs no signal. */
function signalTo(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in this very moment.
  }
}
