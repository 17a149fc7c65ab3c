import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { monotonic } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import { createLogger } from "../platform/log.js";
import { LockKeeper } from "./keeper.js";
import type { Holding, LockService, LockValue } from "./service.js";

const ttlMs = 10_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** The lock of a server that counts the ttl by the same clock, and can be out of reach. */
class Server implements LockService {
  reachable = true;
  /** How long a question is on its way, and its answer on the way back. */
  delayMs = 0;
  holder: { lease: string; value: LockValue; until: number } | null = null;
  asked = 0;
  #leases = 0;

  #current() {
    if (this.holder !== null && this.holder.until <= monotonic()) this.holder = null;
    return this.holder;
  }

  async #travel(): Promise<void> {
    this.asked += 1;
    if (!this.reachable) throw new KnownError("lock-unreachable", "The lock cannot be asked: cut.");
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
  }

  async look(): Promise<Holding | null> {
    await this.#travel();
    return this.#current();
  }

  async take(value: LockValue): Promise<Holding | null> {
    await this.#travel();
    this.#leases += 1;
    this.holder = this.#current() ?? { lease: `${this.#leases}`, value, until: monotonic() + ttlMs };
    return this.holder;
  }

  async keepAlive(lease: string): Promise<boolean> {
    await this.#travel();
    const holder = this.#current();
    if (holder?.lease !== lease) return false;
    holder.until = monotonic() + ttlMs;
    await this.#travel();
    return true;
  }

  async release(lease: string): Promise<void> {
    await this.#travel();
    if (this.#current()?.lease === lease) this.holder = null;
  }
}

function keeperOf(service: LockService, node: string) {
  const heard: string[] = [];
  const keeper = new LockKeeper({
    service,
    ttlMs,
    node,
    owner: `owner of ${node}`,
    log: createLogger("error"),
    onGained: () => void heard.push("gained"),
    onLost: (why) => void heard.push(why),
  });
  keeper.start();
  return { keeper, heard };
}

describe("the keeper of a lock", () => {
  it("takes it when it is asked to, keeps it alive three times in a ttl, and tells", async () => {
    const server = new Server();
    const { keeper, heard } = keeperOf(server, "a");
    expect((await keeper.acquire()).held).toBe(true);
    const before = server.asked;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(keeper.state).toEqual({ held: true, wanted: true, holder: "a", problem: null });
    // Two questions for each: the lease, and whether the lock is tied to it still.
    expect(server.asked - before).toBeGreaterThanOrEqual(34);
    expect(server.asked - before).toBeLessThanOrEqual(42);
    expect(heard).toEqual(["gained"]);
  });

  it("only looks who has it as long as it is not wanted", async () => {
    const server = new Server();
    const [a, b] = [keeperOf(server, "a"), keeperOf(server, "b")];
    await a.keeper.acquire();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(b.keeper.state).toEqual({ held: false, wanted: false, holder: "a", problem: null });
  });

  it("gives it back at once, so that the next one need not wait", async () => {
    const server = new Server();
    const [a, b] = [keeperOf(server, "a"), keeperOf(server, "b")];
    await a.keeper.acquire();
    expect((await b.keeper.acquire()).held).toBe(false);
    await a.keeper.release();
    expect(a.keeper.state.held).toBe(false);
    await vi.advanceTimersByTimeAsync(600);
    expect(b.keeper.state.held).toBe(true);
    expect(a.heard).toEqual(["gained"]);
  });

  it("gives it up by its own clock, before anybody else can have it", async () => {
    const server = new Server();
    const [a, b] = [keeperOf(server, "a"), keeperOf(server, "b")];
    await a.keeper.acquire();
    await vi.advanceTimersByTimeAsync(10_000);
    await b.keeper.acquire();
    // a is cut off from the server, b is not.
    const cut = { at: 0, lost: 0, gained: 0 };
    server.keepAlive = async (lease) => {
      if (lease === server.holder?.lease && server.holder.value.node === "a")
        throw new KnownError("lock-unreachable", "cut");
      return true;
    };
    cut.at = monotonic();
    for (let ms = 0; ms < 20_000 && cut.gained === 0; ms += 10) {
      await vi.advanceTimersByTimeAsync(10);
      if (cut.lost === 0 && !a.keeper.state.held) cut.lost = monotonic();
      if (b.keeper.state.held) cut.gained = monotonic();
      expect(a.keeper.state.held && b.keeper.state.held).toBe(false);
    }
    expect(a.heard).toEqual(["gained", "it could not be kept alive in time"]);
    expect(cut.lost - cut.at).toBeLessThanOrEqual(8_010);
    expect(cut.gained - cut.lost).toBeGreaterThanOrEqual(1_990);
  });

  it("loses it at once when the server says that it is another's", async () => {
    const server = new Server();
    const { keeper, heard } = keeperOf(server, "a");
    await keeper.acquire();
    server.holder = { lease: "9", value: { node: "b", owner: "x", since: "" }, until: 1e9 };
    await vi.advanceTimersByTimeAsync(4_000);
    expect(heard).toEqual(["gained", "it has run out, or was taken away"]);
    expect(keeper.state).toMatchObject({ held: false, wanted: true, holder: "b" });
  });

  it("gives up in time although every question hangs", async () => {
    const server = new Server();
    const { keeper, heard } = keeperOf(server, "a");
    await keeper.acquire();
    server.delayMs = 1e8;
    await vi.advanceTimersByTimeAsync(7_900);
    expect(keeper.state.held).toBe(true);
    await vi.advanceTimersByTimeAsync(200);
    expect(keeper.state.held).toBe(false);
    expect(heard).toHaveLength(2);
  });

  it("believes a slow answer only for what is left of it", async () => {
    const server = new Server();
    server.delayMs = 2_000;
    const { keeper } = keeperOf(server, "a");
    const got = keeper.acquire();
    await vi.advanceTimersByTimeAsync(6_100);
    expect((await got).held).toBe(true);
    server.reachable = false;
    // The keepalive was sent after 2 s and answered after 6: it counts until 10, and the next one comes to nothing.
    await vi.advanceTimersByTimeAsync(3_800);
    expect(keeper.state.held).toBe(true);
    await vi.advanceTimersByTimeAsync(200);
    expect(keeper.state.held).toBe(false);
  });

  it("has it again when the server answers again in time", async () => {
    const server = new Server();
    const { keeper, heard } = keeperOf(server, "a");
    await keeper.acquire();
    server.reachable = false;
    await vi.advanceTimersByTimeAsync(7_000);
    expect(keeper.state).toMatchObject({ held: true, problem: "The lock cannot be asked: cut." });
    server.reachable = true;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(keeper.state).toMatchObject({ held: true, problem: null });
    expect(heard).toEqual(["gained"]);
  });

  it("takes its own lock up again after a restart, and not that of another node of the same name", async () => {
    const server = new Server();
    const first = keeperOf(server, "a");
    await first.keeper.acquire();
    await first.keeper.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    const second = keeperOf(server, "a");
    expect((await second.keeper.acquire()).held).toBe(true);
    const other = new LockKeeper({
      service: server,
      ttlMs,
      node: "a",
      owner: "another",
      log: createLogger("error"),
      onGained: () => undefined,
      onLost: () => undefined,
    });
    expect((await other.acquire()).held).toBe(false);
  });

  it("goes on giving it back while the server cannot be asked, and does not keep it alive meanwhile", async () => {
    const server = new Server();
    const { keeper } = keeperOf(server, "a");
    await keeper.acquire();
    server.reachable = false;
    expect(await keeper.release()).toMatchObject({ held: false, wanted: false });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.holder).not.toBeNull();
    server.reachable = true;
    await vi.advanceTimersByTimeAsync(600);
    expect(server.holder).toBeNull();
  });
});
