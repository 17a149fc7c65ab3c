import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** An advertisement of another host. */
export type Heard = { readonly skew: number; readonly base: number; readonly source: string };

/** Says and hears CARP advertisements beside ucarp: see advertise.py. Ends when this process does. */
type Voice = {
  /** Advertises with this skew at once, and from now on. */
  speak(skew: number): void;
  /** Advertises with this skew once. */
  say(skew: number): void;
  quiet(): void;
  /** Tells everybody where the shared address is. */
  announce(): void;
};

export function startVoice(args: readonly string[], onHeard: (heard: Heard) => void): Voice {
  const child: ChildProcess = spawn("python3", args, { stdio: ["pipe", "pipe", "inherit"] });
  child.on("exit", (code, signal) => {
    throw new Error(`carp: python3 ${args.join(" ")} ended with ${code ?? signal}`);
  });
  if (child.stdout === null) throw new Error("carp: no output");
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [, skew, base, source = ""] = /^heard (\d+) (\d+) (\S+)$/.exec(line) ?? [];
    onHeard({ skew: Number(skew), base: Number(base), source });
  });
  const order = (line: string): void => void child.stdin?.write(`${line}\n`);
  return {
    speak: (skew) => order(`speak ${skew}`),
    say: (skew) => order(`say ${skew}`),
    quiet: () => order("quiet"),
    announce: () => order("arp"),
  };
}
