import { readFile } from "node:fs/promises";
import { systemCode } from "../platform/errors.js";
import { EndpointTrouble } from "./trouble.js";
import type { OrchestratorOptions } from "./types.js";

type Headers = Readonly<Record<string, string>>;

/** What a cookie's value may consist of (RFC 6265), in two parts. */
const accessToken =
  /^[\x21\x23-\x2b\x2d-\x39\x3c-\x5b\x5d-\x7e]+:[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;

/** The headers that identify us to Orchestrator, made of the secret file's first line, which is kept until told to forget. */
export class Credentials {
  readonly #options: OrchestratorOptions;
  #headers: Promise<Headers> | undefined;

  constructor(options: OrchestratorOptions) {
    this.#options = options;
  }

  /** Headers for a request: the same object until `renew`. `EndpointTrouble` (refused) if the secret cannot be used. */
  headers(): Promise<Headers> {
    if (this.#headers !== undefined) return this.#headers;
    const reading = this.#read();
    this.#headers = reading;
    reading.catch(() => {
      if (this.#headers === reading) this.#headers = undefined;
    });
    return reading;
  }

  /** Reads the secret anew since `refused` did not do. Undefined if it still says the same: no use in asking again. */
  async renew(refused: Headers): Promise<Headers | undefined> {
    // Of several endpoints that refuse at once, the first has read it already.
    const current = await this.headers();
    if (!sameHeaders(current, refused)) return current;
    this.#headers = undefined;
    const fresh = await this.headers();
    return sameHeaders(fresh, refused) ? undefined : fresh;
  }

  async #read(): Promise<Headers> {
    const { auth, user = "", secretFile } = this.#options;
    if (auth === "none") return {};
    const secret = await firstLine(secretFile ?? "");
    if (auth === "basic") {
      return { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}` };
    }
    if (accessToken.test(secret)) return { cookie: `access-token=${secret}` };
    throw new EndpointTrouble(
      "refused",
      `${secretFile} does not hold an access token written public:secret.`,
    );
  }
}

async function firstLine(file: string): Promise<string> {
  try {
    const text = await readFile(file, "utf8");
    return text.split(/\r?\n/, 1)[0] ?? "";
  } catch (error) {
    const cause = systemCode(error) ?? "unknown error";
    throw new EndpointTrouble("refused", `The secret file ${file} cannot be read (${cause}).`, error);
  }
}

function sameHeaders(a: Headers, b: Headers): boolean {
  return a.authorization === b.authorization && a.cookie === b.cookie;
}
