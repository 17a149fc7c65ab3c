import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Etcd, missingEtcd } from "../../support/etcd.js";
import { waitFor } from "../../support/host/wait.js";
import { type Client, clientOf } from "./harness.js";

const missing = missingEtcd();
const title = `the lock in a real etcd${missing === undefined ? "" : ` (skipped: ${missing})`}`;
const ttl = 5_000;

describe.skipIf(missing !== undefined)(title, () => {
  const etcds: Etcd[] = [];
  const clients: Client[] = [];
  const servers: Server[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(({ keeper }) => keeper.stop()));
    for (const server of servers.splice(0)) server.close();
    await Promise.all(etcds.splice(0).map((etcd) => etcd.remove()));
  });

  async function etcdWith(options: { tls?: boolean } = {}): Promise<Etcd> {
    const etcd = new Etcd(options);
    etcds.push(etcd);
    await etcd.start();
    return etcd;
  }

  async function client(
    node: string,
    endpoints: readonly string[],
    more = {},
    owner?: string,
  ): Promise<Client> {
    const made = await clientOf(node, { kind: "etcd", endpoints, ...more }, owner);
    clients.push(made);
    return made;
  }

  it("is held by one of two, kept beyond its ttl, and the other's at once when it is given back", async () => {
    const etcd = await etcdWith();
    const [a, b] = [await client("a", [etcd.url]), await client("b", [etcd.url])];
    await a.keeper.acquire();
    await b.keeper.acquire();
    expect([a.state.held, b.state.held, b.state.holder]).toEqual([true, false, "a"]);
    const end = performance.now() + ttl + 2_000;
    await waitFor("the ttl is over", () => {
      expect(b.state.held).toBe(false);
      return performance.now() > end;
    });
    expect(a.state.held).toBe(true);
    const gave = performance.now();
    await a.keeper.release();
    expect((await b.held()) - gave).toBeLessThan(3_000);
  });

  it("is taken by exactly one of two that ask at the same moment", async () => {
    const etcd = await etcdWith();
    const [a, b] = [await client("a", [etcd.url]), await client("b", [etcd.url])];
    for (let round = 0; round < 5; round += 1) {
      const states = await Promise.all([a.keeper.acquire(), b.keeper.acquire()]);
      expect(states.filter(({ held }) => held)).toHaveLength(1);
      await Promise.all([a.keeper.release(), b.keeper.release()]);
    }
  });

  it("is given up before its ttl is over when etcd hangs, and had again when it goes on", async () => {
    const etcd = await etcdWith();
    const a = await client("a", [etcd.url]);
    await a.keeper.acquire();
    etcd.freeze(true);
    const frozen = performance.now();
    expect((await a.lost()) - frozen).toBeLessThan(ttl - 1_000 + 300);
    etcd.freeze(false);
    await a.held();
    expect(a.losses).toHaveLength(1);
  });

  it("outlives a restart of etcd that is shorter than what is left of it", async () => {
    const etcd = await etcdWith();
    const a = await client("a", [etcd.url], { ttl: 20_000 });
    await a.keeper.acquire();
    await etcd.kill();
    await waitFor("it is missed", () => a.state.problem !== null);
    await etcd.start();
    await waitFor("it answers again", () => a.state.problem === null);
    expect([a.state.held, a.losses]).toEqual([true, []]);
  });

  it("never is with two: one that is cut off has given it up when the other gets it", async () => {
    const etcd = await etcdWith();
    // A way to etcd of its own for a, which can be cut.
    const way = await cuttable(etcd.url);
    const [a, b] = [await client("a", [way.url]), await client("b", [etcd.url])];
    await a.keeper.acquire();
    await b.keeper.acquire();
    way.cut();
    const [lost, gained] = await Promise.all([a.lost(), b.held()]);
    expect(gained - lost).toBeGreaterThan(500);
    expect(a.losses[0]?.why).toContain("in time");
  });

  it("is known again by a restarted agent, and by nobody else", async () => {
    const etcd = await etcdWith();
    const first = await client("a", [etcd.url]);
    await first.keeper.acquire();
    await first.keeper.stop();
    const [again, stranger] = [
      await client("a", [etcd.url]),
      await client("a", [etcd.url], {}, "another of the same name"),
    ];
    expect((await again.keeper.acquire()).held).toBe(true);
    expect((await stranger.keeper.acquire()).held).toBe(false);
  });

  it("is lost when somebody deletes the key, although its lease lives", async () => {
    const etcd = await etcdWith();
    const a = await client("a", [etcd.url]);
    await a.keeper.acquire();
    await etcd.call("/v3/kv/deleterange", { key: Buffer.from("proxysql-carp/a+b").toString("base64") });
    await waitFor("a notices", () => a.losses.length > 0);
    expect(a.losses[0]?.why).toContain("taken away");
    await a.held();
  });

  it("asks another endpoint when one is dead, hangs, or answers nonsense", async () => {
    const etcd = await etcdWith();
    const hangs = await listener(() => undefined);
    const nonsense = await listener((socket) => socket.end("HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n"));
    const a = await client("a", ["http://127.0.0.1:1", hangs, nonsense, etcd.url], { ttl: 10_000 });
    expect(await a.keeper.acquire()).toMatchObject({ held: true, problem: null });
  });

  it.each([
    ["hangs", (): void => undefined],
    ["dribbles", (socket: Dribbled): void => void setInterval(() => socket.write("x"), 100).unref()],
    ["answers HTML", (socket: Dribbled): void => answer(socket, "<html>")],
    ["answers another JSON", (socket: Dribbled): void => answer(socket, '{"kvs":7}')],
  ])("is not held, and asking it ends in time, when the only server %s", async (_, behave) => {
    const url = await listener(behave);
    const a = await client("a", [url]);
    const began = performance.now();
    const state = await a.keeper.acquire();
    expect(state.held).toBe(false);
    expect(state.problem).not.toBeNull();
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  it("needs the right password where etcd asks for one, logs in again when its token is over, and tells no secret", async () => {
    const etcd = await etcdWith();
    await etcd.protect("carp", "s3cret");
    const secret_file = join(etcd.dir, "secret");
    writeFileSync(secret_file, "wr0ng\n", { mode: 0o600 });
    const [nobody, carp] = [
      await client("b", [etcd.url]),
      await client("a", [etcd.url], { user: "carp", secret_file }),
    ];
    expect((await nobody.keeper.acquire()).problem).toContain("refuses");
    expect((await carp.keeper.acquire()).problem).toContain("refuses the user carp");
    writeFileSync(secret_file, "s3cret\n");
    expect(await carp.keeper.acquire()).toMatchObject({ held: true, problem: null });
    // A restart forgets all tokens.
    await etcd.kill();
    await etcd.start();
    await carp.held();
    await waitFor("it is kept again", () => carp.state.problem === null && carp.state.held);
    expect([...carp.lines, JSON.stringify(carp.state)].join()).not.toMatch(/s3cret|wr0ng/);
  });

  it("speaks TLS, and only with a server whose certificate it can check", async () => {
    const etcd = await etcdWith({ tls: true });
    const a = await client("a", [etcd.url], { ca_file: etcd.ca });
    expect((await a.keeper.acquire()).held).toBe(true);
    const trusting = await client("b", [etcd.url]);
    expect((await trusting.keeper.acquire()).problem).toMatch(/self.signed/);
  });

  type Dribbled = import("node:net").Socket;

  function answer(socket: Dribbled, text: string): void {
    socket.once("data", () => {
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
    });
  }

  async function listener(behave: (socket: Dribbled) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      behave(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  }

  /** Passes everything on to etcd, until it is cut: then it takes connections and nothing comes of them. */
  async function cuttable(url: string): Promise<{ url: string; cut(): void }> {
    const { connect } = await import("node:net");
    let isCut = false;
    const there = new URL(url);
    const way = await listener((socket) => {
      if (isCut) return;
      const other = connect({ host: there.hostname, port: Number(there.port) });
      other.on("error", () => socket.destroy());
      socket.pipe(other).pipe(socket);
    });
    return {
      url: way,
      cut: () => {
        isCut = true;
      },
    };
  }
});
