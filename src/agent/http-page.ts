import type { HttpServer } from "../http/server.js";
import type { HttpSources } from "../http/sources.js";
import { inBackground } from "../platform/background.js";
import { sleep } from "../platform/clock.js";
import { isKnown, sentenceOf } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";

/** A port that is taken may be free later: an agent that is being replaced holds it for a moment. */
const againMs = 15_000;

/** Keeps the status page up. That it cannot be served is a reason, and never keeps the agent from its work. */
export class HttpPage {
  readonly #listen: string;
  readonly #sources: HttpSources;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #server: HttpServer | undefined;
  #problem: string | null = null;
  #starting: Promise<void> | undefined;

  constructor(listen: string, sources: HttpSources, log: Logger) {
    this.#listen = listen;
    this.#sources = sources;
    this.#log = log;
  }

  /** Why the page is not served; null if it is. */
  get problem(): string | null {
    return this.#problem;
  }

  start(): void {
    this.#starting ??= this.#keepTrying();
    inBackground(this.#log, "the status page", this.#starting);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#starting?.catch(() => undefined);
    await this.#server?.close();
  }

  async #keepTrying(): Promise<void> {
    // Loaded only where a page is wanted: fastify and prom-client cost memory.
    const { startHttp } = await import("../http/server.js");
    while (!this.#stopping.signal.aborted) {
      try {
        this.#server = await startHttp(this.#listen, this.#sources, this.#log);
        this.#problem = null;
        this.#log.info(`the status page is on ${this.#listen}`);
        return;
      } catch (error) {
        if (!isKnown(error)) throw error;
        if (this.#problem === null)
          this.#log.warn({ listen: this.#listen, error: sentenceOf(error) }, "the status page is not served");
        this.#problem = error.message;
      }
      await sleep(againMs, this.#stopping.signal);
    }
  }
}
