import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Connections } from "./connections.js";
import { mayServe } from "./host-guard.js";
import type { ListenAddress } from "./listen-address.js";
import { contentSecurityPolicy } from "./page.js";

const headers = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** Turns away every request that the status page does not serve, before anything of it but its head is read. */
export function guardRequests(app: FastifyInstance, listen: ListenAddress, connections: Connections): void {
  app.addHook("onRequest", async (request, reply) => {
    void reply.headers(headers);
    if (connections.isOld(request.raw.socket)) void reply.header("connection", "close");
    const refused = refusal(request, listen);
    if (refused === undefined) return;
    // What follows such a head is not read, so the connection cannot be used any more.
    void reply.header("connection", "close");
    if (refused.code === 405) void reply.header("allow", "GET, HEAD");
    return reply.code(refused.code).send({ error: refused.error });
  });
}

function refusal(
  { method, headers, raw }: FastifyRequest,
  listen: ListenAddress,
): { code: number; error: string } | undefined {
  if (method !== "GET" && method !== "HEAD")
    return { code: 405, error: "Nothing can be changed here: only GET and HEAD are answered." };
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0)
    return { code: 413, error: "A question here has no body." };
  if (!mayServe(raw.headers.host, listen))
    return {
      code: 421,
      error: "This page answers on loopback only under the name localhost or its address.",
    };
  return undefined;
}
