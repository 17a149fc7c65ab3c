import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { type HttpServer, startHttp } from "../../../src/http/server.js";
import type { HttpSources } from "../../../src/http/sources.js";
import { reasonOf, someStatus, sourcesOf } from "../../../src/http/test-sources.js";
import { isKnown } from "../../../src/platform/errors.js";
import { createLogger, type Logger } from "../../../src/platform/log.js";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const servers: HttpServer[] = [];
const sockets: Socket[] = [];
let logged = "";
const log: Logger = createLogger("debug", {
  write(line: string) {
    logged += line;
  },
});

async function serve(change: Partial<HttpSources> = {}, listen = "127.0.0.1:0"): Promise<number> {
  const server = await startHttp(listen, sourcesOf(change), log);
  servers.push(server);
  return server.port;
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  logged = "";
});

function get(port: number, path: string, options: object = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port, path, host: "127.0.0.1", agent: false, timeout: 20_000, ...options },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          body += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
        answer.on("error", reject);
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("error", reject);
    asked.end();
  });
}

/** A connection on which anything can be sent; `ended` is all that came when the server has closed it. */
function raw(port: number): { socket: Socket; ended: Promise<string> } {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  sockets.push(socket);
  let text = "";
  socket.on("data", (chunk: string) => {
    text += chunk;
  });
  // A reset is an end too.
  socket.on("error", () => undefined);
  return { socket, ended: once(socket, "close").then(() => text) };
}

describe("the pages", () => {
  it("tells a live agent from one whose loops stand still", async () => {
    let alive = { ok: true, why: null as string | null };
    const port = await serve({ alive: () => alive });
    expect(await get(port, "/healthz")).toMatchObject({ status: 200, body: '{"ok":true,"why":null}' });
    alive = { ok: false, why: "The last round was 90 s ago." };
    expect(await get(port, "/healthz")).toMatchObject({ status: 503, body: JSON.stringify(alive) });
  });

  it("is ready without reasons and with warnings, and not with a critical one", async () => {
    let reasons = [] as ReturnType<HttpSources["reasons"]>;
    const port = await serve({ reasons: () => reasons });
    const ready = await get(port, "/readyz");
    reasons = [reasonOf("drift")];
    const warned = await get(port, "/readyz");
    reasons = [reasonOf("drift"), reasonOf("proxysql-down")];
    const down = await get(port, "/readyz");

    expect([ready.status, warned.status, down.status]).toEqual([200, 200, 503]);
    expect(JSON.parse(ready.body)).toMatchObject({
      schema: "proxysql-carp/reasons/v1",
      ready: true,
      reasons: [],
    });
    expect(JSON.parse(warned.body)).toMatchObject({ ready: false, critical: 0 });
    const { reasons: told, critical } = JSON.parse(down.body) as {
      reasons: { code: string }[];
      critical: number;
    };
    expect([critical, ...told.map(({ code }) => code)]).toEqual([1, "proxysql-down", "drift"]);
  });

  it.each([
    ["MASTER", 200],
    ["BACKUP", 503],
    ["INIT", 503],
    ["unknown", 503],
  ])("answers a load balancer on %s with %i", async (role, status) => {
    const port = await serve({ role: () => role });
    expect(await get(port, "/role")).toMatchObject({ status, body: `${role}\n` });
    expect(await get(port, "/role", { method: "HEAD" })).toMatchObject({ status, body: "" });
  });

  it("gives status, history, metrics and a page that loads nothing", async () => {
    const port = await serve();
    const status = await get(port, "/api/v1/status");
    expect(JSON.parse(status.body)).toEqual(someStatus);
    expect(status.headers["content-type"]).toMatch(/^application\/json/);
    expect(status.headers["x-content-type-options"]).toBe("nosniff");

    const metrics = await get(port, "/metrics");
    expect(metrics.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(metrics.body).toContain('proxysql_carp_role{vhid="9@em0",role="MASTER"} 1');

    const page = await get(port, "/");
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(page.body).toContain('<meta http-equiv="refresh" content="5">');
    expect(page.body).not.toMatch(/<script|src=|https?:/);
  });

  it("hands on what is asked of the history, and refuses what it does not understand", async () => {
    const asked: unknown[] = [];
    const port = await serve({
      history: (options) => {
        asked.push(options);
        return sourcesOf().history(options);
      },
    });
    const good = await get(port, "/api/v1/history?since=2026-11-21T03:00:00Z&limit=7");
    expect(JSON.parse(good.body)).toMatchObject({ schema: "proxysql-carp/history/v1", entries: [] });
    expect(asked).toEqual([{ since: "2026-11-21T03:00:00.000Z", limit: 7 }]);
    for (const query of [
      "since=yesterday",
      "limit=0",
      "limit=501",
      "limit=1e2",
      "limit=1&limit=2",
      "since=",
    ]) {
      const { status, body } = await get(port, `/api/v1/history?${query}`);
      expect([query, status, body]).toEqual([query, 400, expect.stringContaining("expected")]);
    }
    expect(asked).toHaveLength(1);
  });

  it("answers 404 to what is not there", async () => {
    const port = await serve();
    for (const path of ["/nothing", "/api", "/../../etc/passwd", "/%00", "/role/x", "/__proto__"])
      expect([path, (await get(port, path)).status]).toEqual([path, 404]);
    expect((await get(port, "/%zz")).status).toBe(400);
  });

  it("answers 500 with a sentence when a source fails, writes it down, and goes on", async () => {
    let broken = true;
    const port = await serve({
      status: () => {
        if (broken) throw new Error("the journal is gone");
        return someStatus;
      },
    });
    const { status, body } = await get(port, "/api/v1/status");
    expect([status, JSON.parse(body)]).toEqual([
      500,
      { error: "The agent could not answer this; its log tells why." },
    ]);
    expect(logged).toContain('"path":"/api/v1/status","error":"the journal is gone"');
    expect(logged).toContain('"msg":"the status page could not answer"');
    broken = false;
    expect((await get(port, "/api/v1/status")).status).toBe(200);
  });
});

describe("listening", () => {
  it("refuses a port that is taken, by name, and takes it once it is free", async () => {
    const port = await serve();
    const error = await startHttp(`127.0.0.1:${port}`, sourcesOf(), log).catch((thrown: unknown) => thrown);
    expect(isKnown(error, "not-done")).toBe(true);
    expect(String(error)).toContain(`cannot listen on 127.0.0.1:${port}: EADDRINUSE`);

    await servers.pop()?.close();
    expect(await serve({}, `127.0.0.1:${port}`)).toBe(port);
    expect((await get(port, "/role")).status).toBe(200);
  });

  it("refuses an address that is not this host's, and a name that leads nowhere", async () => {
    await expect(startHttp("192.0.2.77:9632", sourcesOf(), log)).rejects.toThrow(
      "cannot listen on 192.0.2.77:9632",
    );
    await expect(startHttp("no.such.invalid:9632", sourcesOf(), log)).rejects.toThrow("no.such.invalid:9632");
  });

  it("takes a name, and IPv6", async () => {
    expect((await get(await serve({}, "localhost:0"), "/role", { host: "localhost" })).status).toBe(200);
    expect((await get(await serve({}, "[::1]:0"), "/role", { host: "::1" })).status).toBe(200);
  });

  it("ends with every connection that is open", async () => {
    const port = await serve();
    const { socket, ended } = raw(port);
    socket.write("GET /role HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "data");
    await servers.pop()?.close();
    expect(await ended).toContain("200 OK");
  });
});

describe("hostile requests", () => {
  it.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])(
    "turns %s away",
    async (method) => {
      const port = await serve();
      const { status, headers } = await get(port, "/api/v1/status", { method });
      expect([status, headers.allow, headers.connection]).toEqual([405, "GET, HEAD", "close"]);
    },
  );

  it("reads no body: not of a POST that never ends, not of a GET", async () => {
    const port = await serve();
    const post = raw(port);
    post.socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n");
    expect(await post.ended).toMatch(/^HTTP\/1\.1 405 /);
    for (const head of ["Content-Length: 5", "Transfer-Encoding: chunked"]) {
      const { socket, ended } = raw(port);
      socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\nhello`);
      expect(await ended).toMatch(/^HTTP\/1\.1 413 /);
    }
  });

  it("takes 8 KiB of headers and no more", async () => {
    const port = await serve();
    expect((await get(port, "/role", { headers: { "x-long": "x".repeat(7_000) } })).status).toBe(200);
    expect((await get(port, "/role", { headers: { "x-long": "x".repeat(9_000) } })).status).toBe(431);
    const { socket, ended } = raw(port);
    socket.write(`GET /${"x".repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(await ended).toMatch(/^HTTP\/1\.1 431 /);
  });

  it.each(["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.0.2.1"])(
    "does not answer a browser that was told that %s is here",
    async (host) => {
      const port = await serve();
      const { status, body } = await get(port, "/api/v1/status", { headers: { host } });
      expect(status).toBe(421);
      expect(body).not.toContain("9@em0");
    },
  );

  it("answers a health checker that speaks HTTP/1.0 without a name", async () => {
    const { socket, ended } = raw(await serve());
    socket.write("GET /role HTTP/1.0\r\n\r\n");
    expect(await ended).toMatch(/^HTTP\/1\.1 200 [\s\S]*MASTER\n$/);
  });

  it("answers what is no HTTP with 400, and closes", async () => {
    const port = await serve();
    for (const text of ["\u0016\u0003\u0001 a TLS hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"]) {
      const { socket, ended } = raw(port);
      socket.write(text);
      expect(await ended).toMatch(/^HTTP\/1\.1 (400|505) /);
    }
    expect((await get(port, "/role")).status).toBe(200);
  });

  it("lets nobody dribble: a request that is not whole in time is cut, others are served meanwhile", async () => {
    const port = await serve();
    const dribblers = Array.from({ length: 20 }, () => raw(port));
    const began = performance.now();
    for (const { socket } of dribblers) socket.write("GET /role HTTP/1.1\r\nHost: localhost\r\n");
    const dribbling = setInterval(() => {
      for (const { socket } of dribblers) if (socket.writable) socket.write("x: y\r\n");
    }, 200);
    try {
      await sleep(500);
      expect((await get(port, "/role")).status).toBe(200);
      const ends = await Promise.all(dribblers.map(({ ended }) => ended));
      for (const text of ends) expect(text).toMatch(/^(HTTP\/1\.1 408 |$)/);
      // Not at once, and sooner than by the half-minute sweep that Node.js makes by itself.
      expect(performance.now() - began).toBeGreaterThan(4_000);
      expect(performance.now() - began).toBeLessThan(25_000);
    } finally {
      clearInterval(dribbling);
    }
  });

  it("survives 200 connections at once, and serves again as soon as they are gone", async () => {
    const port = await serve();
    const held = Array.from({ length: 200 }, () => raw(port));
    let closed = 0;
    for (const { ended } of held) {
      void ended.then(() => {
        closed += 1;
      });
    }
    await expect.poll(() => closed, { timeout: 20_000 }).toBe(200 - 64);
    for (const { socket } of held) socket.destroy();
    await expect
      .poll(() => get(port, "/role").then(({ status }) => status, String), { timeout: 20_000 })
      .toBe(200);
  });

  it("answers 200 askers in parallel, or closes: it fails none of them", async () => {
    const port = await serve();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => get(port, "/role").then(({ status }) => status, String)),
    );
    expect(answers.filter((answer) => answer === 200).length).toBeGreaterThanOrEqual(64);
    for (const answer of answers)
      expect([200, "Error: socket hang up", "Error: read ECONNRESET"]).toContain(answer);
  });

  it("gives large documents only so often, and the load balancer its answer all the same", async () => {
    const port = await serve();
    const many = [];
    for (let n = 0; n < 30; n += 1) many.push((await get(port, "/api/v1/history")).status);
    expect(new Set(many)).toEqual(new Set([200, 429]));
    expect((await get(port, "/role")).status).toBe(200);
    expect((await get(port, "/healthz")).status).toBe(200);
    await expect.poll(async () => (await get(port, "/api/v1/history")).status, { timeout: 20_000 }).toBe(200);
  });
});
