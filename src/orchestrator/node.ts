import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { readEnvelope } from "./answers.js";
import type { Credentials } from "./credentials.js";
import { type Answer, get } from "./http-get.js";
import { parseJson } from "./rows.js";
import { EndpointTrouble, shown } from "./trouble.js";

const mebibyte = 1024 * 1024;
/** For ten thousand instances of some 2.7 kB each, twice. */
export const manyBytes = 64 * mebibyte;
const fewBytes = mebibyte;
/** An idle connection outlives the pause between two polls, and no longer than need be. */
const idleMs = 60_000;

export interface Wire {
  readonly credentials: Credentials;
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  readonly timeoutMs: number;
}

/** The connections of one client. `ca`: PEM certificates to trust instead of the system's. */
export function createWire(credentials: Credentials, timeoutMs: number, ca: string | undefined): Wire {
  const kept = { keepAlive: true, keepAliveMsecs: 10_000, timeout: idleMs, maxFreeSockets: 4 };
  return {
    credentials,
    timeoutMs,
    http: new HttpAgent(kept),
    https: new HttpsAgent({ ...kept, ...(ca === undefined ? {} : { ca }), rejectUnauthorized: true }),
  };
}

/** Asks one node: its base URL and what all requests to it share. */
export class Node {
  readonly url: string;
  readonly #wire: Wire;
  readonly #signal: AbortSignal;

  constructor(url: string, wire: Wire, signal: AbortSignal) {
    this.url = url;
    this.#wire = wire;
    this.#signal = signal;
  }

  /** GET /api/`path`, whatever the status, except that 401 and 403 are `EndpointTrouble` (refused). */
  async ask(path: string, maxBytes = fewBytes): Promise<Answer> {
    const headers = await this.#wire.credentials.headers();
    const answer = await this.#get(path, headers, maxBytes);
    if (answer.status === 401) {
      const fresh = await this.#wire.credentials.renew(headers);
      if (fresh === undefined) throw refused(answer.status);
      const second = await this.#get(path, fresh, maxBytes);
      if (second.status === 401) throw refused(second.status);
      return second;
    }
    if (answer.status === 403) throw refused(answer.status);
    return answer;
  }

  /** The body of an answer that must be a 200; anything else is `EndpointTrouble` (nonsense). */
  async body(path: string, maxBytes = fewBytes): Promise<Buffer> {
    const answer = await this.ask(path, maxBytes);
    if (answer.status !== 200) throw unexpected(path, answer);
    return answer.body;
  }

  #get(path: string, headers: Readonly<Record<string, string>>, maxBytes: number): Promise<Answer> {
    const { timeoutMs, http, https } = this.#wire;
    const agent = this.url.startsWith("https:") ? https : http;
    return get({ url: `${this.url}/api/${path}`, headers, agent, timeoutMs, maxBytes, signal: this.#signal });
  }
}

/** An answer's body as JSON. */
export function documentOf(answer: Answer, what: string): unknown {
  return parseJson(answer.body.toString("utf8"), what);
}

/** An answer that a working node would not give, with what it says about that, if it says anything. */
export function unexpected(path: string, { status, body }: Answer): EndpointTrouble {
  const said = messageOf(body);
  return new EndpointTrouble(
    "nonsense",
    `${path} was answered with HTTP ${status}${said === "" ? "" : `: ${said}`}.`,
  );
}

/** Orchestrator's own sentence in an error; empty if there is none. */
export function messageOf(body: Buffer): string {
  try {
    return shown(readEnvelope(JSON.parse(body.toString("utf8")))?.Message ?? "");
  } catch {
    return "";
  }
}

function refused(status: number): EndpointTrouble {
  return new EndpointTrouble("refused", `It refuses our credentials (HTTP ${status}).`);
}
