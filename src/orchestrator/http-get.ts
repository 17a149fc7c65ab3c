import { type Agent, get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { sentenceOf, systemCode } from "../platform/errors.js";
import { linkAbort } from "./linked-abort.js";
import { EndpointTrouble } from "./trouble.js";

/** One GET: where, and its bounds. */
export interface Get {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the kind that the URL's protocol needs. */
  readonly agent: Agent;
  /** For the whole answer, from the first look at its name to the last byte. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * The answer to a GET. Redirects are answers like any other: nothing is followed. A connection that the server closed
 * while it was idle is replaced once. `EndpointTrouble` for no answer in time (unreachable), and for one that is too long
 * or no HTTP (nonsense); when `signal` fires, whatever that brings.
 */
export async function get(what: Get): Promise<Answer> {
  const cut = linkAbort(what.signal);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    cut.abort();
  }, what.timeoutMs);
  try {
    const first = await attempt(what, cut.signal);
    if (first !== "stale-connection") return first;
    const second = await attempt(what, cut.signal);
    if (second !== "stale-connection") return second;
    throw new EndpointTrouble("unreachable", "It closes each connection without an answer.");
  } catch (error) {
    if (error instanceof EndpointTrouble) throw error;
    if (late) {
      throw new EndpointTrouble("unreachable", `No whole answer within ${what.timeoutMs} ms.`, error);
    }
    const cause = causeOf(error);
    if (cause.startsWith("HPE_"))
      throw new EndpointTrouble("nonsense", `It speaks no HTTP: ${cause}.`, error);
    throw new EndpointTrouble("unreachable", `No answer: ${cause}.`, error);
  } finally {
    clearTimeout(timer);
    cut.release();
  }
}

function attempt(what: Get, signal: AbortSignal): Promise<Answer | "stale-connection"> {
  const { url, headers, agent } = what;
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsGet : httpGet;
    const request = send(url, { headers: { accept: "application/json", ...headers }, agent, signal });
    let answered = false;
    request.once("response", (response) => {
      answered = true;
      readBody(response, what.maxBytes).then(resolve, (error: unknown) => {
        request.destroy();
        reject(error);
      });
    });
    // It stays for the request's whole life: an error without a listener would end the process.
    request.on("error", (error) => {
      const stale =
        !answered && request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(systemCode(error) ?? "");
      if (stale && !signal.aborted) resolve("stale-connection");
      else reject(error);
    });
  });
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes)
      throw new EndpointTrouble("nonsense", `The answer is longer than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks, length) };
}

/** The system's code says enough, and is short; without one, as for a certificate's host name, the sentence. */
function causeOf(error: unknown): string {
  return systemCode(error) ?? sentenceOf(error);
}
