import { z } from "zod";
import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { marginOf } from "./belief.js";
import { type Answer, type Ask, type HttpAsker, parseAnswer } from "./http.js";
import { type Holding, type LockService, type LockValue, readValue, writtenValue } from "./service.js";

const sessionSchema = z.object({ ID: z.string() });
const kvSchema = z
  .array(z.object({ Value: z.string().nullable().default(null), Session: z.string().optional() }))
  .min(1);

export interface ConsulOptions {
  readonly asker: HttpAsker;
  readonly key: string;
  readonly ttlMs: number;
  /** The name of this node, for whoever lists sessions. */
  readonly node: string;
  /** undefined: Consul asks for no token. Read anew for each question. */
  readonly token: (() => Promise<string>) | undefined;
}

/**
 * The lock as a key acquired by a session, over Consul's HTTP API (developer.hashicorp.com/consul/api-docs/session and
 * /kv). No client package: the one there is (consul) has no deadline for a whole answer, which here is what counts.
 *
 * Consul keeps a key whose session was invalidated from everybody for `LockDelay`. This node has stopped by then, so 0
 * would do; the delay covers a stop that takes longer than the margin, and is as long as that. A release has no delay.
 */
export class ConsulLock implements LockService {
  readonly #options: ConsulOptions;
  readonly #path: string;

  constructor(options: ConsulOptions) {
    this.#options = options;
    this.#path = `/v1/kv/${options.key.split("/").map(encodeURIComponent).join("/")}`;
  }

  /** `consistent`: by a leader that has made sure that it is one. */
  async look(): Promise<Holding | null> {
    const answer = await this.#ask({ method: "GET", path: `${this.#path}?consistent` });
    if (answer.status === 404) return null;
    const [entry] = kvSchema.parse(this.#read(answer));
    if (entry?.Session === undefined) return null;
    const text = Buffer.from(entry.Value ?? "", "base64").toString("utf8");
    return { lease: entry.Session, value: readValue(text) };
  }

  async take(value: LockValue): Promise<Holding | null> {
    const before = await this.look();
    if (before !== null) return before;
    const { node, ttlMs } = this.#options;
    const session = {
      Name: `proxysql-carp ${node}`,
      TTL: `${Math.ceil(ttlMs / 1_000)}s`,
      Behavior: "delete",
      LockDelay: `${Math.ceil(marginOf(ttlMs) / 1_000)}s`,
    };
    const made = await this.#put("/v1/session/create", JSON.stringify(session));
    const { ID: lease } = sessionSchema.parse(made);
    const path = `${this.#path}?acquire=${encodeURIComponent(lease)}`;
    if ((await this.#put(path, writtenValue(value))) === true) return { lease, value };
    // Somebody was faster, the delay lasts, or a first try came through and its answer did not.
    const holding = await this.look();
    if (holding?.lease !== lease) await this.#destroy(lease);
    return holding;
  }

  async keepAlive(lease: string): Promise<boolean> {
    const answer = await this.#ask({ method: "PUT", path: `/v1/session/renew/${encodeURIComponent(lease)}` });
    if (answer.status === 404) return false;
    this.#read(answer);
    return (await this.look())?.lease === lease;
  }

  /** First the key: a session that ends while it holds one begins the delay. */
  async release(lease: string): Promise<void> {
    await this.#put(`${this.#path}?release=${encodeURIComponent(lease)}`, "");
    await this.#destroy(lease);
  }

  async #destroy(lease: string): Promise<void> {
    await this.#put(`/v1/session/destroy/${encodeURIComponent(lease)}`, "");
  }

  async #put(path: string, body: string): Promise<unknown> {
    return this.#read(await this.#ask({ method: "PUT", path, body }));
  }

  async #ask(ask: Ask): Promise<Answer> {
    const { asker, token } = this.#options;
    return asker.ask(token === undefined ? ask : { ...ask, headers: { "x-consul-token": await token() } });
  }

  #read(answer: Answer): unknown {
    const complaint = printable(answer.text.trim()).slice(0, 200);
    if (answer.status === 401 || answer.status === 403)
      throw new KnownError("lock-refused", `Consul refuses this node: ${complaint}.`);
    if (answer.status === 200) return parseAnswer(answer, "Consul");
    throw new KnownError(
      "lock-unreachable",
      `Consul cannot be asked: it answers ${answer.status}: ${complaint}.`,
    );
  }
}
