import type { Readable } from "node:stream";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { escapeBytes } from "./escape-bytes.js";
import { createFrameParser, encodeFrame, type Frame, protocolVersion } from "./protocol.js";

/** As much of an SSH channel as a session needs: bytes both ways, and what the far end writes to stderr. */
export interface Channel extends NodeJS.ReadWriteStream {
  readonly stderr: Readable;
  close(): void;
}

/** What the far end tells about itself when greeted. */
export interface Greeting {
  readonly node: string;
  readonly version: string;
}

/** A question and its deadline. */
export interface Question {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly body?: Uint8Array;
  /** Milliseconds until the answer must be there. */
  readonly ms: number;
}

/** Questions and answers over one channel, that is with one serving process. */
export interface Session {
  readonly peer: Greeting;
  /** The answer's frame. Errors: `deadline`, `peer-refused` (fields.cause names why), or why the session ended. */
  ask(op: string, question: Question): Promise<Frame>;
  /** Settles with the cause when the session is over. Never rejects. */
  readonly ended: Promise<KnownError>;
  /** Ends it at once; whoever still waits for an answer gets `cause`. */
  close(cause?: KnownError): void;
}

/** Who greets whom. `bulk` sessions carry files, so that verifying one there delays no heartbeat here. */
export interface Introduction {
  readonly node: string;
  readonly version: string;
  /** The peer's name in the configuration; the far end must call itself the same. */
  readonly peerName: string;
  readonly purpose: "control" | "bulk";
}

interface Waiting {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const stderrLimit = 2_048;

/** How long after the end of stdout the exit code is waited for. */
const exitCodeGraceMs = 500;

/**
 * Greets the serving process at the other end of `channel` within `ms` and gives the session. Errors:
 * `peer-protocol` if it is not our serving process, speaks another version or is another node; `deadline`.
 */
export async function openSession(
  channel: Channel,
  introduction: Introduction,
  ms: number,
): Promise<Session> {
  const { peerName, node, version, purpose } = introduction;
  const talk = startTalk(channel, peerName);
  try {
    const frame = await talk.request("hello", {
      fields: { protocol: protocolVersion, node, version, purpose },
      ms,
    });
    const peer = readGreeting(frame, introduction);
    talk.greeted();
    return {
      peer,
      ask: (op, question) => askOver(talk, peerName, op, question),
      ended: talk.ended,
      close: talk.close,
    };
  } catch (error) {
    talk.close();
    throw error;
  }
}

function readGreeting({ header }: Frame, { peerName, version: ours }: Introduction): Greeting {
  const { protocol, node, version, sentence } = header;
  if (protocol !== protocolVersion) {
    throw new KnownError(
      "peer-protocol",
      `Peer "${peerName}" speaks protocol ${String(protocol)} (its version ${String(version)}), this node protocol ${protocolVersion} (version ${ours}).`,
      { peer: peerName },
    );
  }
  if (header.ok !== true) {
    throw new KnownError("peer-protocol", `Peer "${peerName}" turned us away: ${String(sentence)}`, {
      peer: peerName,
    });
  }
  if (node !== peerName) {
    throw new KnownError(
      "peer-protocol",
      `The node at the address of peer "${peerName}" calls itself "${String(node)}" ([node] name there).`,
      { peer: peerName },
    );
  }
  return { node, version: String(version) };
}

async function askOver(talk: Talk, peerName: string, op: string, question: Question): Promise<Frame> {
  const frame = await talk.request(op, question);
  if (frame.header.ok === true) return frame;
  const { cause, sentence } = frame.header;
  throw new KnownError("peer-refused", `Peer "${peerName}" refused: ${String(sentence)}`, {
    peer: peerName,
    cause: String(cause),
    sentence: String(sentence),
  });
}

interface Talk {
  request(op: string, question: Question): Promise<Frame>;
  greeted(): void;
  readonly ended: Promise<KnownError>;
  close(cause?: KnownError): void;
}

function startTalk(channel: Channel, peerName: string): Talk {
  const parser = createFrameParser();
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  let over: KnownError | undefined;
  let known = false;
  let stderr = Buffer.alloc(0);
  let exit = "";
  let settleEnded: (error: KnownError) => void = () => {};
  const ended = new Promise<KnownError>((resolve) => {
    settleEnded = resolve;
  });

  function heardOnStderr(): string {
    return stderr.length === 0 ? "" : ` It wrote to stderr: ${escapeBytes(stderr)}.`;
  }

  function end(code: "peer-protocol" | "peer-unreachable", sentence: string): void {
    endWith(new KnownError(code, `${sentence}${heardOnStderr()}`, { peer: peerName }));
  }

  function endWith(cause: KnownError): void {
    if (over !== undefined) return;
    over = cause;
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer);
      reject(over);
    }
    waiting.clear();
    settleEnded(over);
    channel.close();
  }

  function endedByPeer(): void {
    if (known) {
      end("peer-unreachable", `The serving process of peer "${peerName}" ended${exit}.`);
      return;
    }
    // sshd always tells how a command ended, so without that it was the connection that broke.
    if (exit === "") {
      end("peer-unreachable", `Peer "${peerName}" closed the channel before it answered.`);
      return;
    }
    const cut = parser.pending ? " in the middle of an answer" : " without an answer";
    end("peer-protocol", `The command that peer "${peerName}" runs for our key ended${exit}${cut}.`);
  }

  function hear(bytes: Buffer): void {
    if (over !== undefined) return;
    try {
      for (const frame of parser.push(bytes)) answer(frame);
    } catch (error) {
      end("peer-protocol", `Peer "${peerName}" cannot be understood. ${sentenceOf(error)}`);
    }
  }

  function answer(frame: Frame): void {
    const { id } = frame.header;
    if (id >= nextId)
      throw new KnownError("peer-protocol", `It answered question ${id}, which was not asked.`);
    const asked = waiting.get(id);
    // No one waits any more: the answer came after its deadline.
    if (asked === undefined) return;
    waiting.delete(id);
    clearTimeout(asked.timer);
    asked.resolve(frame);
  }

  function request(op: string, { fields, body, ms }: Question): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (over !== undefined) return reject(over);
      const id = nextId;
      nextId += 1;
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(
          new KnownError("deadline", `Peer "${peerName}" did not answer "${op}" within ${ms} ms.`, {
            peer: peerName,
            op,
            ms,
          }),
        );
      }, ms);
      waiting.set(id, { resolve, reject, timer });
      channel.write(encodeFrame({ ...fields, id, op }, body));
    });
  }

  channel.on("data", (bytes: Buffer) => hear(bytes));
  channel.stderr.on("data", (bytes: Buffer) => {
    stderr = Buffer.concat([stderr, bytes]).subarray(-stderrLimit);
  });
  channel.on("exit", (code: number | null, signal?: string) => {
    exit = code === null ? ` by ${signal ?? "a signal"}` : ` with code ${code}`;
  });
  channel.on("end", () => void setTimeout(endedByPeer, exitCodeGraceMs).unref());
  channel.on("close", endedByPeer);
  // Errors of a channel come late, and also after it was closed.
  channel.on("error", () => endedByPeer());
  channel.stderr.on("error", () => {});

  return {
    request,
    greeted: () => {
      known = true;
    },
    ended,
    close: (cause) => {
      if (over !== undefined) return;
      channel.end();
      endWith(
        cause ??
          new KnownError("peer-unreachable", `The session with peer "${peerName}" was closed.`, {
            peer: peerName,
          }),
      );
    },
  };
}
