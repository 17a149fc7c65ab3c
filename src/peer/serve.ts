import type { Readable, Writable } from "node:stream";
import { sleep } from "../platform/clock.js";
import { sentenceOf } from "../platform/errors.js";
import { openStore } from "../snapshot/store.js";
import { askAgent } from "./agent-socket.js";
import { createAnswers, type Reply } from "./answers.js";
import { askOfSwitchover, refuseWhileMaster, tellOfRole } from "./own-agent.js";
import type { Prober } from "./probe.js";
import { createFrameParser, encodeFrame, type Frame, protocolVersion } from "./protocol.js";
import type { Receiver } from "./receive.js";
import { answerOf, Refused } from "./refused.js";

export interface ServeOptions {
  readonly stateDir: string;
  readonly runDir: string;
  /** This node's name, as in its [node] table. */
  readonly node: string;
  readonly version?: string;
  readonly input: Readable;
  readonly output: Writable;
  /** Ends the serving, cleanly. */
  readonly signal?: AbortSignal;
  /** Ends by itself when nothing was asked for so long, in ms. */
  readonly idleMs?: number;
  /** Bytes that must stay free on the disk after a snapshot came in. */
  readonly reserveBytes?: number;
  /** How long this host's own agent may take for an answer, in ms. */
  readonly agentMs?: number;
  /** Gets what is worth a line in the other side's error message: it reads our stderr. */
  readonly complain?: (sentence: string) => void;
}

const defaultIdleMs = 60_000;
const defaultReserve = 16 * 1024 * 1024;
const defaultAgentMs = 400;
/** The agent asks the other node back before it answers. */
const switchoverMs = 3_000;
/** Questions taken in before one is answered. A client of ours has far fewer on the way. */
const queueLimit = 16;
/** How long work in progress may take to finish when the serving ends. */
const finishMs = 2_000;

/**
 * The far end of a peer's link: what sshd runs as the forced command. It reads questions from `input` and answers to
 * `output` until the input ends, nothing is asked for `idleMs`, or `signal` fires; then what was half received is
 * removed. Throws `peer-protocol` if the other side does not speak our protocol.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { input, output, signal, idleMs = defaultIdleMs } = options;
  const ending = new AbortController();
  const over = signal === undefined ? ending.signal : AbortSignal.any([ending.signal, signal]);
  // The other side may be gone at any moment; that is the end of the work, not an error.
  output.on("error", () => ending.abort());
  const desk = createDesk(options, (bytes) => output.write(bytes));
  const idle = createIdleTimer(idleMs, () => ending.abort());
  const parser = createFrameParser();
  const pieces = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const aborted = new Promise<undefined>((resolve) => {
    if (over.aborted) resolve(undefined);
    over.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  try {
    for (;;) {
      const next = await Promise.race([pieces.next().catch(() => undefined), aborted]);
      if (next === undefined || next.done) return;
      for (const frame of parser.push(next.value)) {
        await Promise.race([desk.take(frame, idle), aborted]);
      }
    }
  } finally {
    idle.stop();
    await desk.close();
    input.destroy();
  }
}

interface IdleTimer {
  busy(): void;
  free(): void;
  stop(): void;
}

function createIdleTimer(ms: number, onIdle: () => void): IdleTimer {
  let timer = setTimeout(onIdle, ms);
  let stopped = false;
  const busy = (): void => clearTimeout(timer);
  return {
    busy,
    free: () => {
      busy();
      // The last answer may come after the end; a timer then would only keep the process.
      if (!stopped) timer = setTimeout(onIdle, ms);
    },
    stop: () => {
      stopped = true;
      busy();
    },
  };
}

/** Takes questions in, answers them one after the other; only `ping` is answered at once, whatever else goes on. */
function createDesk(options: ServeOptions, write: (bytes: Buffer) => void) {
  const { node, version = "0", stateDir, runDir, agentMs = defaultAgentMs } = options;
  const complain = options.complain ?? (() => {});
  const store = openStore(stateDir);
  const answers = createAnswers({ store, stateDir, runDir, node, version, agentMs });
  const hints = new Set<Promise<unknown>>();
  const reserveBytes = options.reserveBytes ?? defaultReserve;
  let receiver: Promise<Receiver> | undefined;
  let prober: Promise<Prober> | undefined;
  /** The name that the other side gave itself, once it has greeted. */
  let greeted: { readonly node: unknown } | undefined;
  let queued = 0;
  let turn: Promise<void> = Promise.resolve();

  /** Verifying needs SQLite; a process that only answers questions never loads it. */
  function receiving(): Promise<Receiver> {
    receiver ??= import("./receive.js").then(({ createReceiver }) =>
      createReceiver({ store, stateDir, reserveBytes }),
    );
    return receiver;
  }

  function probing(): Promise<Prober> {
    prober ??= import("./probe.js").then(({ createProber }) => createProber({ stateDir, reserveBytes }));
    return prober;
  }

  async function sweep(): Promise<void> {
    const { sweepProbes } = await import("./probe.js");
    await Promise.all([store.sweep(), sweepProbes(stateDir)]);
  }

  async function hello({ header }: Frame): Promise<Reply> {
    const fields = { protocol: protocolVersion, node, version };
    if (header.protocol !== protocolVersion) {
      const sentence = `This node speaks protocol ${protocolVersion}, not ${String(header.protocol)}.`;
      throw new Refused("protocol", sentence, fields);
    }
    if (header.node === node) {
      const sentence = `Both sides call themselves "${node}": each node needs a name of its own.`;
      throw new Refused("same-node", sentence, fields);
    }
    greeted = { node: header.node };
    if (header.purpose === "bulk") {
      await sweep().catch((error: unknown) =>
        complain(`What others left half done was not removed: ${sentenceOf(error)}`),
      );
      await receiving();
    }
    return { fields };
  }

  async function commit(): Promise<Reply> {
    const id = await (await receiving()).commit();
    const hint: Promise<unknown> = askAgent(runDir, { op: "received", id }, agentMs)
      .catch(() => {})
      .finally(() => hints.delete(hint));
    hints.add(hint);
    return { fields: { id } };
  }

  async function reply(frame: Frame): Promise<Reply> {
    const { header, body } = frame;
    if (header.op === "hello") return hello(frame);
    if (greeted === undefined) throw new Refused("not-asked-so", 'The first question must be "hello".');
    switch (header.op) {
      case "ping":
        return answers.ping();
      case "latest":
        return answers.latest();
      case "list":
        return answers.list(header.limit);
      case "status":
        return answers.status();
      case "announce":
        return tellOfRole({ runDir, ms: agentMs }, greeted.node, header.role);
      case "switchover":
        return askOfSwitchover({ runDir, ms: switchoverMs }, greeted.node, header.ask);
      case "fetch":
        return answers.fetch(header.snapshot);
      case "read":
        return answers.read(header);
      case "offer":
        await refuseWhileMaster({ runDir, ms: agentMs });
        return {
          fields: { wanted: await (await receiving()).offer(header.files, header.accept === true, body) },
        };
      case "chunk":
        await (await receiving()).chunk(header.name, header.offset, body);
        return {};
      case "commit":
        return commit();
      case "probe-offer":
      case "probe-chunk":
      case "probe-verify":
      case "probe-read":
      case "probe-end":
        return (await probing()).answer(frame);
      default:
        throw new Refused(
          "not-asked-so",
          `There is no operation "${String(header.op)}" here (version ${version}).`,
        );
    }
  }

  async function answer(frame: Frame): Promise<void> {
    const { id } = frame.header;
    try {
      const { fields, body } = await reply(frame);
      write(encodeFrame({ ...fields, id, ok: true }, body));
    } catch (error) {
      const fields = error instanceof Refused ? error.answerFields : {};
      write(encodeFrame({ ...fields, ...answerOf(error), id, ok: false }));
    }
  }

  /** Resolves when the next question may be read. */
  async function take(frame: Frame, idle: IdleTimer): Promise<void> {
    idle.busy();
    if (frame.header.op === "ping") {
      await answer(frame);
      if (queued === 0) idle.free();
      return;
    }
    queued += 1;
    turn = turn
      .then(() => answer(frame))
      .then(() => {
        queued -= 1;
        if (queued === 0) idle.free();
      });
    if (queued >= queueLimit) await turn;
  }

  async function close(): Promise<void> {
    const finished = new AbortController();
    await Promise.race([turn.then(() => finished.abort()), sleep(finishMs, finished.signal)]);
    await (await receiver)?.abandon();
    await (await prober)?.abandon();
    await Promise.all(hints);
  }

  return { take, close };
}
