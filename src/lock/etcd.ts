import { z } from "zod";
import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { type Answer, type HttpAsker, parseAnswer } from "./http.js";
import { type Holding, type LockService, type LockValue, readValue, writtenValue } from "./service.js";

/** Of gRPC: how etcd says who may not. https://grpc.io/docs/guides/status-codes/ */
const permissionDenied = 7;
const unauthenticated = 16;

const errorSchema = z.object({ error: z.string(), code: z.number().optional() });
const kvSchema = z.object({ value: z.string().default(""), lease: z.string().default("0") });
const rangeSchema = z.object({ kvs: z.array(kvSchema).default([]) });
const txnSchema = z.object({
  succeeded: z.boolean().default(false),
  responses: z.array(z.object({ response_range: rangeSchema.optional() })).default([]),
});
const grantSchema = z.object({ ID: z.string(), error: z.string().optional() });
const aliveSchema = z.object({ result: z.object({ TTL: z.coerce.number().default(0) }) });
const tokenSchema = z.object({ token: z.string() });

export interface EtcdOptions {
  readonly asker: HttpAsker;
  readonly key: string;
  readonly ttlMs: number;
  /** undefined: etcd asks for no password. `password` is read anew for each login. */
  readonly login: { readonly user: string; readonly password: () => Promise<string> } | undefined;
}

/**
 * The lock as a key tied to a lease, over etcd's JSON gateway (/v3/, etcd 3.4 and later, see "gRPC gateway" in etcd's
 * documentation). No client package: the one there is (etcd3) brings gRPC and its memory, and was last released in 2023.
 */
export class EtcdLock implements LockService {
  readonly #options: EtcdOptions;
  readonly #key: string;
  #token: string | undefined;

  constructor(options: EtcdOptions) {
    this.#options = options;
    this.#key = base64(options.key);
  }

  async look(): Promise<Holding | null> {
    return holdingOf(rangeSchema.parse(await this.#call("/v3/kv/range", { key: this.#key })));
  }

  /** The lease comes first, so a lock is never without one. If it proves needless it is given back. */
  async take(value: LockValue): Promise<Holding | null> {
    const before = await this.look();
    if (before !== null) return before;
    const ttl = Math.ceil(this.#options.ttlMs / 1_000);
    const { ID: lease } = grantSchema.parse(
      await this.#call("/v3/lease/grant", { TTL: String(ttl), ID: "0" }),
    );
    const put = { key: this.#key, value: base64(writtenValue(value)), lease };
    const answer = await this.#call("/v3/kv/txn", {
      compare: [{ key: this.#key, target: "CREATE", result: "EQUAL", create_revision: "0" }],
      success: [{ request_put: put }],
      failure: [{ request_range: { key: this.#key } }],
    });
    const { succeeded, responses } = txnSchema.parse(answer);
    if (succeeded) return { lease, value };
    const holding = holdingOf(responses[0]?.response_range ?? { kvs: [] });
    // A repeated call finds what the first one did.
    if (holding?.lease !== lease) await this.release(lease);
    return holding;
  }

  async keepAlive(lease: string): Promise<boolean> {
    const { result } = aliveSchema.parse(await this.#call("/v3/lease/keepalive", { ID: lease }));
    // An operator may have deleted the key: its lease lives on, and somebody else can have the lock.
    return result.TTL > 0 && (await this.look())?.lease === lease;
  }

  async release(lease: string): Promise<void> {
    // Not found: it has run out.
    await this.#call("/v3/lease/revoke", { ID: lease }, [404]);
  }

  /** A token lives for some minutes: one that is refused is replaced, once. */
  async #call(path: string, body: unknown, fine: readonly number[] = []): Promise<unknown> {
    const { login } = this.#options;
    if (login !== undefined) this.#token ??= await this.#logIn(login);
    let answer = await this.#post(path, body);
    if (login !== undefined && refusedAs(answer) === unauthenticated) {
      this.#token = await this.#logIn(login);
      answer = await this.#post(path, body);
    }
    if (fine.includes(answer.status)) return {};
    return this.#read(answer);
  }

  async #logIn({ user, password }: NonNullable<EtcdOptions["login"]>): Promise<string> {
    this.#token = undefined;
    const answer = await this.#post("/v3/auth/authenticate", { name: user, password: await password() });
    if (answer.status !== 200) throw refused(`etcd refuses the user ${user}: ${complaint(answer)}.`);
    return tokenSchema.parse(this.#read(answer)).token;
  }

  #post(path: string, body: unknown): Promise<Answer> {
    const headers = {
      "content-type": "application/json",
      ...(this.#token === undefined ? {} : { authorization: this.#token }),
    };
    return this.#options.asker.ask({ method: "POST", path, headers, body: JSON.stringify(body) });
  }

  #read(answer: Answer): unknown {
    const code = refusedAs(answer);
    if (
      answer.status === 401 ||
      answer.status === 403 ||
      code === permissionDenied ||
      code === unauthenticated
    )
      throw refused(`etcd refuses this node: ${complaint(answer)}.`);
    if (answer.status === 200) return parseAnswer(answer, "etcd");
    const known = complaint(answer);
    // "user name is empty": authentication is on, and no user is configured.
    if (known.includes("user name")) throw refused(`etcd refuses this node: ${known}.`);
    throw new KnownError("lock-unreachable", `etcd cannot be asked: it answers ${answer.status}: ${known}.`);
  }
}

function holdingOf({ kvs }: z.infer<typeof rangeSchema>): Holding | null {
  const kv = kvs[0];
  return kv === undefined
    ? null
    : { lease: kv.lease, value: readValue(Buffer.from(kv.value, "base64").toString("utf8")) };
}

function refused(sentence: string): KnownError {
  return new KnownError("lock-refused", sentence);
}

function refusedAs(answer: Answer): number | undefined {
  return answer.status === 200 ? undefined : errorOf(answer)?.code;
}

function complaint(answer: Answer): string {
  return printable(errorOf(answer)?.error ?? "").slice(0, 200) || `status ${answer.status}`;
}

function errorOf({ text }: Answer): z.infer<typeof errorSchema> | undefined {
  try {
    return errorSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
