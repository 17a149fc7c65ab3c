import { chmod, chown, unlink } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import type { z } from "zod";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { type Owner, statOrUndefined } from "../platform/files.js";
import { askSocket } from "./client.js";
import { type ControlAnswer, requestLimit } from "./protocol.js";

/** A client that has not sent its whole line this long after it connected, or not taken the answer, is let go. */
const clientDeadlineMs = 5_000;

/** Connections served at once; hook, commands and the peers' sessions need a handful. Further ones are closed at once. */
const connectionLimit = 64;

export interface ControlServer {
  close(): Promise<void>;
}

/**
 * Serves one JSON line per connection on a Unix socket: request in, answer out, closed. `group`, if given, may connect
 * too. A socket file left by a dead agent is replaced; a live one means that another agent runs (`agent-running`).
 */
export async function serveControl<Request>(
  path: string,
  schema: z.ZodType<Request>,
  answer: (request: Request) => Promise<ControlAnswer>,
  group?: Owner,
): Promise<ControlServer> {
  await clearStale(path);
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    converse(socket, schema, answer);
  });
  server.maxConnections = connectionLimit;
  await listen(server, path);
  await chmod(path, group === undefined ? 0o600 : 0o660);
  if (group !== undefined && process.getuid?.() === 0) await chown(path, 0, group.gid);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function converse<Request>(
  socket: Socket,
  schema: z.ZodType<Request>,
  answer: (request: Request) => Promise<ControlAnswer>,
): void {
  let text = "";
  let asked = false;
  // From the connection on, not since the last byte: one that trickles would stay for good.
  let deadline = setTimeout(() => socket.destroy(), clientDeadlineMs);
  const reply = (value: ControlAnswer): void => {
    if (socket.destroyed) return;
    deadline = setTimeout(() => socket.destroy(), clientDeadlineMs);
    socket.end(`${JSON.stringify(value)}\n`);
  };
  socket.setEncoding("utf8");
  socket.on("close", () => clearTimeout(deadline));
  // A client that went away before its answer is no event of ours; `close` follows and frees the socket.
  socket.on("error", () => socket.destroy());
  socket.on("end", () => {
    if (!asked) socket.destroy();
  });
  socket.on("data", (chunk: string) => {
    if (asked) return;
    text += chunk;
    const end = text.indexOf("\n");
    const line = end < 0 ? text : text.slice(0, end);
    if (Buffer.byteLength(line) > requestLimit) {
      socket.destroy();
      return;
    }
    if (end < 0) return;
    asked = true;
    clearTimeout(deadline);
    handle(line, schema, answer).then(reply, (error) => reply({ ok: false, error: sentenceOf(error) }));
  });
}

async function handle<Request>(
  line: string,
  schema: z.ZodType<Request>,
  answer: (request: Request) => Promise<ControlAnswer>,
): Promise<ControlAnswer> {
  const request = schema.safeParse(parseJson(line));
  if (!request.success) return { ok: false, error: "The request is not one that this agent knows." };
  return answer(request.data);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function clearStale(path: string): Promise<void> {
  if ((await statOrUndefined(path)) === undefined) return;
  const alive = await askSocket(path, { op: "alive" }, 1_000).then(
    () => true,
    (error: unknown) => !(error instanceof KnownError && error.code === "agent-unreachable"),
  );
  if (alive) throw new KnownError("agent-running", `Another agent answers on ${path}.`);
  await unlink(path);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const why = systemCode(error) ?? sentenceOf(error);
      reject(new KnownError("not-done", `The agent cannot listen on ${path}: ${why}.`, {}, error));
    });
    server.listen(path, resolve);
  });
}
