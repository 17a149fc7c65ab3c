import type { FastifyInstance, FastifyReply } from "fastify";
import { mostEntries, readSince } from "../journal/history.js";
import { sentenceOf } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import { Budget } from "./budget.js";
import { renderMetrics } from "./metrics.js";
import { statusPage } from "./page.js";
import { reasonsDocument } from "./reasons-document.js";
import type { HttpSources } from "./sources.js";

/** What answers cost, for `Budget`. The three that a load balancer asks cost next to nothing, and are always given. */
const cost = { page: 10, status: 10, metrics: 40, history: 200 } as const;

/** Every path that there is. All answers are at hand: none of them waits for ProxySQL, a peer or a disk. */
export function addRoutes(app: FastifyInstance, sources: HttpSources, log: Logger): void {
  const budget = new Budget();
  const afford = (what: keyof typeof cost, reply: FastifyReply): boolean => {
    if (budget.spend(cost[what])) return true;
    void reply.code(429).header("retry-after", "1").send({ error: "Too many questions at once." });
    return false;
  };

  app.get("/", (_, reply) => {
    if (!afford("page", reply)) return reply;
    return reply.type("text/html; charset=utf-8").send(statusPage(sources.status(), sources.reasons()));
  });

  app.get("/healthz", (_, reply) => {
    const alive = sources.alive();
    return reply.code(alive.ok ? 200 : 503).send(alive);
  });

  app.get("/readyz", (_, reply) => {
    const document = reasonsDocument(sources.status().node, sources.reasons());
    return reply.code(document.critical === 0 ? 200 : 503).send(document);
  });

  app.get("/role", (_, reply) => {
    const role = sources.role();
    return reply
      .code(role === "MASTER" ? 200 : 503)
      .type("text/plain; charset=utf-8")
      .send(`${role}\n`);
  });

  app.get("/metrics", async (_, reply) => {
    if (!afford("metrics", reply)) return reply;
    const { type, text } = await renderMetrics(sources.metrics());
    return reply.type(type).send(text);
  });

  app.get("/api/v1/status", (_, reply) => {
    if (!afford("status", reply)) return reply;
    return reply.send(sources.status());
  });

  app.get("/api/v1/history", (request, reply) => {
    const options = readHistoryQuery(request.query as Readonly<Record<string, unknown>>);
    if (typeof options === "string") return reply.code(400).send({ error: options });
    if (!afford("history", reply)) return reply;
    return reply.send(sources.history(options));
  });

  app.setNotFoundHandler((_, reply) => reply.code(404).send({ error: "There is nothing at this address." }));
  app.setErrorHandler((error, request, reply) => {
    const path = request.routeOptions.url ?? "none";
    log.error({ path, error: sentenceOf(error) }, "the status page could not answer");
    return reply.code(500).send({ error: "The agent could not answer this; its log tells why." });
  });
}

/** What `?since=&limit=` asks for, or the sentence that says what is wrong with it. */
function readHistoryQuery({
  since,
  limit,
}: Readonly<Record<string, unknown>>): { since?: string; limit?: number } | string {
  const time = since === undefined ? undefined : readSince(String(since));
  if (since !== undefined && time === undefined)
    return "since: expected a time such as 2026-11-21T03:00:00Z or a duration such as 24h.";
  const count =
    limit === undefined ? undefined : /^\d{1,4}$/.test(String(limit)) ? Number(limit) : Number.NaN;
  if (count !== undefined && !(count >= 1 && count <= mostEntries))
    return `limit: expected a number, 1 to ${mostEntries}.`;
  return { ...(time === undefined ? {} : { since: time }), ...(count === undefined ? {} : { limit: count }) };
}
