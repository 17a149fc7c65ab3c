import { Agent, createServer, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type Get, get } from "./http-get.js";

/** Longest wait for what must happen, on a busy machine. */
const soon = { timeout: 10_000 };

interface Place {
  readonly what: Get;
  readonly sockets: Set<Socket>;
}

/** A server and the question to it. */
async function serve(listener: RequestListener, change: Partial<Get> = {}): Promise<Place> {
  const server = createServer({ keepAliveTimeout: 0 }, listener);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => {
    agent.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/x`;
  const never = new AbortController().signal;
  return {
    what: { url, headers: {}, agent, timeoutMs: 5_000, maxBytes: 100, signal: never, ...change },
    sockets,
  };
}

test("status and body, a redirect too", async () => {
  const { what } = await serve((_, response) => response.writeHead(302, { location: "/y" }).end("there"));
  expect(await get(what)).toEqual({ status: 302, body: Buffer.from("there") });
});

test("a body that is longer than allowed is nonsense, however much of it is still to come", async () => {
  const { what, sockets } = await serve((_, response) => {
    response.write("x".repeat(101));
  });
  await expect(get(what)).rejects.toMatchObject({ state: "nonsense", message: /longer than 100 bytes/ });
  await expect.poll(() => sockets.size, soon).toBe(0);
});

test("the timeout is for the whole body", async () => {
  const { what, sockets } = await serve(
    (_, response) => {
      const timer = setInterval(() => response.write("x"), 20);
      response.once("close", () => clearInterval(timer));
    },
    { timeoutMs: 300, maxBytes: 1_000_000 },
  );
  await expect(get(what)).rejects.toMatchObject({
    state: "unreachable",
    message: "No whole answer within 300 ms.",
  });
  await expect.poll(() => sockets.size, soon).toBe(0);
});

test("what speaks no HTTP is nonsense", async () => {
  const { what } = await serve((request) => {
    request.socket.end("220 mail.example ESMTP\r\n");
  });
  await expect(get(what)).rejects.toMatchObject({ state: "nonsense", message: /speaks no HTTP/ });
});

test("an answer that breaks off is none", async () => {
  const { what } = await serve((request, response) => {
    response.writeHead(200, { "content-length": 50 });
    response.write("half", () => request.socket.destroy());
  });
  await expect(get(what)).rejects.toMatchObject({ state: "unreachable" });
});

test("a connection that was closed while idle is replaced", async () => {
  let closing = false;
  const { what, sockets } = await serve((request, response) => {
    // As if it had timed out just when the question was on its way.
    if (closing) {
      closing = false;
      request.socket.resetAndDestroy();
    } else response.end("well");
  });
  await get(what);
  expect(sockets.size).toBe(1);
  closing = true;
  expect(await get(what)).toMatchObject({ status: 200 });
  expect(closing).toBe(false);
});

test("a new connection that is closed without an answer is not asked again", async () => {
  let asked = 0;
  const { what } = await serve((request) => {
    asked += 1;
    request.socket.resetAndDestroy();
  });
  await expect(get(what)).rejects.toMatchObject({ state: "unreachable", message: "No answer: ECONNRESET." });
  expect(asked).toBe(1);
});

test("an abort ends it", async () => {
  const controller = new AbortController();
  const { what, sockets } = await serve(() => controller.abort(), { signal: controller.signal });
  await expect(get(what)).rejects.toMatchObject({ state: "unreachable" });
  await expect.poll(() => sockets.size, soon).toBe(0);
});
