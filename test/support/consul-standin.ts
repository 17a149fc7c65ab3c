/**
 * node build/test/support/consul-standin.js PORT [TOKEN]: as much of Consul's HTTP API as a lock needs, by its
 * documentation (developer.hashicorp.com/consul/api-docs/session, /kv and docs/dynamic-app-config/sessions):
 * - a session with a TTL of 10 s to a day is invalidated some time after the TTL, never before, unless it is renewed;
 * - its keys are then deleted (`delete`) or released, and cannot be acquired by anybody for its LockDelay;
 * - `?release` and `session/destroy` of a session without keys begin no delay;
 * - a missing key is 404, a wrong token 403, a renewal of a session that is gone 404.
 * Says `ready` when it listens. `PUT /standin/invalidate/ID` ends a session as a lost node would.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";

type Session = { readonly ttlMs: number; readonly delayMs: number; readonly deletes: boolean; until: number };
type Entry = { value: string; session: string | undefined };

const [port, token] = process.argv.slice(2);
const sessions = new Map<string, Session>();
const entries = new Map<string, Entry>();
/** Until when a key cannot be acquired. */
const delayed = new Map<string, number>();
const leastTtlMs = 10_000;
const mostTtlMs = 86_400_000;

const now = (): number => performance.now();

function invalidate(id: string): void {
  const session = sessions.get(id);
  if (session === undefined) return;
  sessions.delete(id);
  for (const [key, entry] of entries) {
    if (entry.session !== id) continue;
    if (session.deletes) entries.delete(key);
    else entry.session = undefined;
    if (session.delayMs > 0) delayed.set(key, now() + session.delayMs);
  }
}

/** "10s", "1m", "150ms" */
function durationOf(text: unknown, fallback: number): number | undefined {
  if (text === undefined || text === "") return fallback;
  const match = /^(\d+)(ms|s|m|h)$/.exec(String(text));
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ""];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

type Reply = { readonly status: number; readonly body: unknown };

function reply(status: number, body: unknown): Reply {
  return { status, body };
}

function create(body: string): Reply {
  const asked = JSON.parse(body || "{}") as Record<string, unknown>;
  const ttlMs = durationOf(asked.TTL, 0);
  const delayMs = durationOf(asked.LockDelay, 15_000);
  const outside = ttlMs === undefined || (ttlMs !== 0 && (ttlMs < leastTtlMs || ttlMs > mostTtlMs));
  if (outside || delayMs === undefined) {
    return reply(400, `Invalid Session TTL '${asked.TTL}', must be between [10s=24h0m0s]`);
  }
  const id = randomUUID();
  const until = ttlMs === 0 ? Number.POSITIVE_INFINITY : now() + ttlMs;
  sessions.set(id, { ttlMs, delayMs, deletes: asked.Behavior === "delete", until });
  return reply(200, { ID: id });
}

function acquire(key: string, session: string, value: string): Reply {
  if (!sessions.has(session)) {
    return reply(500, `invalid session "${session}"`);
  }
  const holder = entries.get(key)?.session;
  if ((holder !== undefined && holder !== session) || (delayed.get(key) ?? 0) > now()) {
    return reply(200, "false");
  }
  entries.set(key, { value, session });
  return reply(200, "true");
}

function keyValue(method: string | undefined, url: URL, body: string): Reply {
  const key = decodeURIComponent(url.pathname.slice("/v1/kv/".length));
  const entry = entries.get(key);
  if (method === "GET") {
    if (entry === undefined) {
      return reply(404, "");
    }
    const holder = entry.session === undefined ? {} : { Session: entry.session };
    return reply(200, [
      { Key: key, Value: Buffer.from(entry.value).toString("base64"), Flags: 0, ...holder },
    ]);
  }
  const wants = url.searchParams.get("acquire");
  const gives = url.searchParams.get("release");
  if (wants !== null) {
    return acquire(key, wants, body);
  }
  if (gives !== null && entry?.session !== gives) {
    return reply(200, "false");
  }
  entries.set(key, { value: body, session: gives === null ? entry?.session : undefined });
  return reply(200, "true");
}

function session(verb: string | undefined, id: string, body: string): Reply {
  if (verb === "create") {
    return create(body);
  }
  const found = sessions.get(id);
  if (verb === "renew") {
    if (found === undefined) {
      return reply(404, `Session id '${id}' not found`);
    }
    found.until = now() + found.ttlMs;
    return reply(200, [{ ID: id }]);
  }
  invalidate(id);
  return reply(200, "true");
}

function answer(request: IncomingMessage, body: string): Reply {
  const url = new URL(request.url ?? "/", "http://consul");
  const [, first, second, third, fourth = ""] = url.pathname.split("/");
  if (first === "standin") {
    invalidate(third ?? "");
    return reply(200, "true");
  }
  if (token !== undefined && request.headers["x-consul-token"] !== token) {
    return reply(403, "Permission denied: token lacks permission");
  }
  if (second === "session") {
    return session(third, fourth, body);
  }
  return second === "kv" ? keyValue(request.method, url, body) : reply(404, "");
}

setInterval(() => {
  for (const [id, { until }] of sessions) if (until <= now()) invalidate(id);
}, 20);

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { status, body } = answer(request, Buffer.concat(chunks).toString("utf8"));
    const text = typeof body === "string" ? body : JSON.stringify(body);
    response.writeHead(status, { "content-type": "application/json" }).end(text);
  });
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
