import type { FastifyInstance } from "fastify";
import { withDeadline } from "../platform/clock.js";
import { isKnown, sentenceOf, systemCode } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import { Connections } from "./connections.js";
import { isLoopback } from "./host-guard.js";
import { cannotListen, type ListenAddress, readListenAddress } from "./listen-address.js";
import { guardRequests } from "./request-guard.js";
import { addRoutes } from "./routes.js";
import type { HttpSources } from "./sources.js";

/** All of a request's headers together; bytes. */
const headerLimit = 8 * 1024;
/** A request that has not come in whole by then gets 408; milliseconds. */
const requestTimeoutMs = 5_000;
/** A connection on which nothing moves is cut; milliseconds. */
const idleMs = 15_000;
const keepAliveMs = 5_000;
const requestsPerConnection = 1_000;
const startDeadlineMs = 5_000;
const closeDeadlineMs = 3_000;

export interface HttpServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Ends it with every connection, within a bound. */
  close(): Promise<void>;
}

/**
 * Serves the status page, health and metrics on `listen` (`[http] listen`), to whoever can reach it: there is no login.
 * A port that is taken is a KnownError; the agent goes on without the page. fastify is loaded here and not before: an
 * agent without the page does without its memory.
 */
export async function startHttp(listen: string, sources: HttpSources, log: Logger): Promise<HttpServer> {
  const address = await withDeadline(readListenAddress(listen), startDeadlineMs, `Resolving ${listen}`);
  const app = await createApp();
  // Accepting can fail later on, for lack of descriptors; the server goes on.
  app.server.on("error", (error) => {
    if (app.server.listening)
      log.warn({ error: sentenceOf(error) }, "the status page could not take a connection");
  });
  const connections = new Connections(app.server, isLoopback(address.address));
  guardRequests(app, address, connections);
  addRoutes(app, sources, log);
  const close = (): Promise<void> => withDeadline(app.close(), closeDeadlineMs, "Ending the status page");
  try {
    await withDeadline(listenOn(app, address), startDeadlineMs, `Listening on ${listen}`);
  } catch (error) {
    await close();
    throw isKnown(error) ? error : cannotListen(listen, systemCode(error) ?? sentenceOf(error), error);
  }
  const bound = app.server.address();
  return { port: typeof bound === "object" && bound !== null ? bound.port : address.port, close };
}

async function listenOn(app: FastifyInstance, { address, port }: ListenAddress): Promise<void> {
  await app.listen({ host: address, port });
}

async function createApp(): Promise<FastifyInstance> {
  const { fastify } = await import("fastify");
  return fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 1,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: idleMs,
    keepAliveTimeout: keepAliveMs,
    maxRequestsPerSocket: requestsPerConnection,
    http: {
      maxHeaderSize: headerLimit,
      headersTimeout: requestTimeoutMs,
      // Node.js looks for late requests every 30 s by default: that is how long a slow one would stay.
      connectionsCheckingInterval: 1_000,
    },
    // No route has a schema: their compilers, which fastify would load, are never asked for.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    // An address that is not even one, such as /%zz: no route has it, so no hook sees it.
    frameworkErrors: (_error, _request, { raw }) => {
      raw.writeHead(400, { "content-type": "text/plain", connection: "close" }).end("This is no address.\n");
    },
  });
}

function noCompiler(): never {
  throw new Error("No route of the status page has a schema.");
}
