import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { askSocket } from "../control/client.js";
import { type CarpEvent, carpEventSchema } from "../control/protocol.js";
import { monotonic, withDeadline } from "../platform/clock.js";
import { formatDuration } from "../platform/duration.js";
import { isKnown, sentenceOf } from "../platform/errors.js";
import { withScratch } from "../platform/scratch-directory.js";
import { devdPath, type HookCall } from "./hook.js";
import { failing, ok, type Verdict } from "./verdict.js";

/** The hook's own patience with an agent is 5 s. */
const arrivalMs = 6_000;
const answerMs = 2_000;

/** What became of one event that we gave to the hook. */
export type Arrival =
  | { readonly arrived: true; readonly ms: number }
  | { readonly arrived: false; readonly why: string };

/**
 * Calls the hook as devd does, with the role that the node has anyway: for the agent that is a hint to look, and no
 * more. In the hook's way stands a socket of ours that passes what it gets on to the agent's, and so sees it arrive.
 */
export function probeHook(call: HookCall, event: CarpEvent, agentSocket: string): Promise<Arrival> {
  return withScratch(async (dir) => {
    const began = monotonic();
    let tell: (arrival: Arrival) => void = () => {};
    const told = new Promise<Arrival>((resolve) => {
      tell = resolve;
    });
    const relay = createRelay(event, agentSocket, (why) =>
      tell(why === undefined ? { arrived: true, ms: monotonic() - began } : { arrived: false, why }),
    );
    await listen(relay, join(dir, "agent.sock"));
    let child: ChildProcess | undefined;
    try {
      const env = {
        HOME: "/",
        PATH: devdPath,
        ...call.env,
        PROXYSQL_CARP_RUN_DIR: dir,
        PROXYSQL_CARP_STATE_DIR: dir,
      };
      child = spawn(call.program, argumentsOf(call, event), { cwd: "/", env, stdio: "ignore" });
      child.once("error", (error) => tell({ arrived: false, why: `it cannot be run: ${error.message}` }));
      return await withDeadline(told, arrivalMs, "the hook");
    } catch (error) {
      if (!isKnown(error, "deadline")) throw error;
      return { arrived: false, why: `nothing came within ${formatDuration(arrivalMs)}` };
    } finally {
      child?.kill("SIGKILL");
      relay.close();
    }
  });
}

/** The words after the program, with devd's variables put in. */
function argumentsOf({ action, program }: HookCall, { type, subsystem }: CarpEvent): string[] {
  const words = action.trim().split(/\s+/);
  return words
    .slice(words.indexOf(program) + 1)
    .map((word) => word.replaceAll("$type", type).replaceAll("$subsystem", subsystem));
}

function createRelay(event: CarpEvent, agentSocket: string, tell: (why?: string) => void): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    let text = "";
    let passed = false;
    socket.setEncoding("utf8");
    socket.setTimeout(arrivalMs, () => socket.destroy());
    // Whoever hangs up before the answer is told by the deadline.
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: string) => {
      text = (text + chunk).slice(0, 1_024);
      if (passed || !text.includes("\n")) return;
      passed = true;
      pass(text, event, agentSocket).then(
        () => {
          socket.end('{"ok":true}\n');
          tell();
        },
        (error: unknown) => {
          socket.end('{"ok":false,"error":"not passed on"}\n');
          tell(sentenceOf(error));
        },
      );
    });
  });
}

async function pass(text: string, event: CarpEvent, agentSocket: string): Promise<void> {
  const line = text.slice(0, text.indexOf("\n"));
  const given = carpEventSchema.safeParse(parseJson(line)).data;
  if (given?.type !== event.type || given.subsystem !== event.subsystem)
    throw new Error(`it passed on something else: ${line.slice(0, 100)}`);
  const answer = await askSocket(agentSocket, event, answerMs);
  if (!answer.ok) throw new Error(`the agent refused the event: ${answer.error}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}

export function judgeArrival({ program }: HookCall, arrival: Arrival): Verdict {
  if (arrival.arrived) return ok(`an event reached the agent in ${formatDuration(arrival.ms)}`);
  return failing(
    `The hook ${program} was called as devd calls it, and its event did not reach the agent: ${arrival.why}.`,
    "See `grep proxysql-carp /var/log/messages`; the hook needs nc(1), which it looks for in devd's PATH.",
  );
}
