import { connect } from "node:net";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import type { ControlAnswer } from "./protocol.js";

/** The longest answer line. A status page of a pair is some kilobytes. */
const lineLimit = 4 * 1024 * 1024;

/**
 * Asks the process behind a Unix socket one thing and waits for its answer, at most `ms` milliseconds. Nobody there:
 * `agent-unreachable`. There but silent: `deadline`.
 */
export function askSocket(path: string, request: unknown, ms: number): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let text = "";
    const fail = (error: KnownError): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(
        new KnownError(
          "deadline",
          `The agent took the request on ${path} but gave no answer within ${ms} ms.`,
        ),
      );
    }, ms);
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > lineLimit)
        fail(new KnownError("agent-unreachable", `The answer on ${path} has no end.`));
    });
    socket.on("error", (error) => {
      const why = systemCode(error) ?? sentenceOf(error);
      fail(
        new KnownError(
          "agent-unreachable",
          `No agent answers on ${path}: ${why}.`,
          { systemCode: why },
          error,
        ),
      );
    });
    socket.on("close", () => {
      clearTimeout(timer);
      try {
        resolve(JSON.parse(text) as ControlAnswer);
      } catch (error) {
        reject(
          new KnownError("agent-unreachable", `The agent on ${path} hung up without an answer.`, {}, error),
        );
      }
    });
  });
}
