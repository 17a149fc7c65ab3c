import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Client, clientOf } from "./harness.js";

const ttl = 10_000;

describe("the lock in Consul (a stand-in that follows its documented API)", () => {
  const clients: Client[] = [];
  let server: ChildProcess | undefined;
  let url = "";
  let dir = "";

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "carp-consul-"));
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(({ keeper }) => keeper.stop()));
    server?.kill("SIGKILL");
    server = undefined;
    rmSync(dir, { recursive: true });
  });

  async function startServer(...token: string[]): Promise<void> {
    const free = createServer();
    await new Promise<void>((resolve) => void free.listen(0, "127.0.0.1", resolve));
    const address = free.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    await new Promise((resolve) => free.close(resolve));
    url = `http://127.0.0.1:${port}`;
    const program = "build/test/support/consul-standin.js";
    const child = spawn(process.execPath, [program, String(port), ...token], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    server = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`it ended with ${code}`)));
    });
  }

  async function client(node: string, more = {}): Promise<Client> {
    const made = await clientOf(node, { kind: "consul", endpoints: [url], ttl, ...more });
    clients.push(made);
    return made;
  }

  it("is held by one of two, and the other's without any delay when it is given back", async () => {
    await startServer();
    const [a, b] = [await client("a"), await client("b")];
    await a.keeper.acquire();
    await b.keeper.acquire();
    expect([a.state.held, b.state.held, b.state.holder]).toEqual([true, false, "a"]);
    const gave = performance.now();
    await a.keeper.release();
    // The delay would be 2 s.
    expect((await b.held()) - gave).toBeLessThan(1_900);
  });

  it("is given up before anybody else can have it when the server hangs", async () => {
    await startServer();
    const [a, b] = [await client("a"), await client("b")];
    await a.keeper.acquire();
    await b.keeper.acquire();
    server?.kill("SIGSTOP");
    const frozen = performance.now();
    expect((await a.lost()) - frozen).toBeLessThan(ttl - 2_000 + 500);
    server?.kill("SIGCONT");
    await Promise.race([a.held(), b.held()]);
    expect([a.state.held, b.state.held].filter(Boolean)).toHaveLength(1);
  });

  it("is lost when the session is invalidated, and nobody's until the delay is over", async () => {
    await startServer();
    const a = await client("a");
    await a.keeper.acquire();
    const [{ Session }] = (await (await fetch(`${url}/v1/kv/proxysql-carp/a+b`)).json()) as [
      { Session: string },
    ];
    await fetch(`${url}/standin/invalidate/${Session}`, { method: "PUT" });
    const ended = performance.now();
    await a.lost();
    expect(a.losses[0]?.why).toContain("run out");
    expect((await a.held()) - ended).toBeGreaterThan(1_900);
  });

  it("is known again by a restarted agent", async () => {
    await startServer();
    const first = await client("a");
    await first.keeper.acquire();
    await first.keeper.stop();
    const again = await client("a");
    expect((await again.keeper.acquire()).held).toBe(true);
  });

  it("needs the right token, and tells none", async () => {
    await startServer("t0ken");
    const secret_file = join(dir, "token");
    writeFileSync(secret_file, "wr0ng\n", { mode: 0o600 });
    const a = await client("a", { secret_file });
    expect((await a.keeper.acquire()).problem).toContain("Consul refuses this node");
    writeFileSync(secret_file, "t0ken\n");
    expect(await a.keeper.acquire()).toMatchObject({ held: true, problem: null });
    expect([...a.lines, JSON.stringify(a.state)].join()).not.toMatch(/t0ken|wr0ng/);
  });
});
