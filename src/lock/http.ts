import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { KnownError, sentenceOf } from "../platform/errors.js";

/** The largest answer that is asked for is one key with its value. */
const answerLimit = 64 * 1024;
const leastRequestMs = 250;

export interface Endpoints {
  readonly urls: readonly string[];
  /** PEM of the authority that signed the servers' certificates; undefined: the system's. */
  readonly ca: () => Promise<string | undefined>;
  /** For one call, over all endpoints; ms. */
  readonly deadlineMs: number;
}

export interface Ask {
  readonly method: "GET" | "PUT" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks one endpoint after the other until one answers, beginning with the one that did last. */
export class HttpAsker {
  readonly #endpoints: Endpoints;
  #first = 0;

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  /**
   * The first answer below 500. Whatever else an endpoint does (nothing, half an answer, 503) leaves it to the next one;
   * when none is left it is `lock-unreachable`, with what the last one did. A call that changes something must stand
   * being repeated: it may have been done, and its answer lost.
   */
  async ask(ask: Ask): Promise<Answer> {
    const { urls, deadlineMs } = this.#endpoints;
    const ca = await this.#endpoints.ca();
    const ms = Math.max(leastRequestMs, deadlineMs / urls.length);
    let last: unknown;
    for (let at = 0; at < urls.length; at += 1) {
      const index = (this.#first + at) % urls.length;
      const url = new URL(`${(urls[index] ?? "").replace(/\/+$/, "")}${ask.path}`);
      try {
        const answer = await askOnce(url, ask, ca, ms);
        if (answer.status < 500) {
          this.#first = index;
          return answer;
        }
        last = new Error(`${url.origin} answers ${answer.status}`);
      } catch (error) {
        last = new Error(`${url.origin}: ${sentenceOf(error)}`);
      }
    }
    throw new KnownError("lock-unreachable", `The lock cannot be asked: ${sentenceOf(last)}.`, {}, last);
  }
}

/** A connection of its own each time: one that was kept may hang on a server that is gone. */
function askOnce(url: URL, ask: Ask, ca: string | undefined, ms: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method, headers = {}, body = "" } = ask;
    const options = {
      method,
      agent: false as const,
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
    };
    const read = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > answerLimit) outgoing.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
      });
    };
    const outgoing =
      url.protocol === "https:"
        ? requestHttps(url, { ...options, ...(ca === undefined ? {} : { ca }) }, read)
        : requestHttp(url, options, read);
    const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${Math.round(ms)} ms`)), ms);
    function fail(error: unknown): void {
      clearTimeout(timer);
      reject(error);
    }
    outgoing.on("error", fail);
    outgoing.end(body);
  });
}

/** The text as JSON, or `lock-unreachable`: what answers is no etcd or Consul. */
export function parseAnswer({ text }: Answer, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KnownError("lock-unreachable", `The lock cannot be asked: ${what} answers no JSON.`, {}, error);
  }
}
