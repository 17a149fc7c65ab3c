import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configSchema } from "../config/schema.js";
import { isKnown } from "../platform/errors.js";
import { createLogger } from "../platform/log.js";
import { filledIn, Shooting } from "./stonith.js";

const never = new AbortController().signal;
let dir: string;
let server: Server | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "stonith-"));
});

afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(dir, { recursive: true });
});

/** A program of the operator's that writes down its arguments and what it finds in its environment. */
function program(end: string): string {
  const file = join(dir, "shoot");
  writeFileSync(
    file,
    `#!/bin/sh\necho "$# $* $PROXYSQL_CARP_PEER $PROXYSQL_CARP_HOST" >>${dir}/shots\n${end}\n`,
  );
  chmodSync(file, 0o755);
  return file;
}

function shots(): string[] {
  const file = join(dir, "shots");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

interface World {
  readonly stonith?: Readonly<Record<string, unknown>>;
  readonly port?: number;
  readonly kept?: Record<string, unknown>;
}

function world({ stonith = {}, port = 1, kept = {} }: World) {
  const said = { up: false, reachable: false, asked: 0, lines: [] as string[], notes: [] as string[] };
  const stonithOf = configSchema.shape.stonith;
  const shooting = new Shooting({
    config: {
      stonith: stonithOf.parse(stonith),
      peer: [{ name: "b", host: "127.0.0.1", port, user: "u", key_file: "/k", host_key: "h" }],
    },
    journal: {
      read: (name) => kept[name],
      tryWrite: (values) => void Object.assign(kept, structuredClone(values)),
      addNote: (kind) => void said.notes.push(kind),
    },
    board: {
      views: () => [
        {
          name: "b",
          asked: true,
          reachable: said.reachable,
          role: "unknown",
          best: null,
          running: null,
          ready: null,
        },
      ],
      ask: async () => {
        said.asked += 1;
      },
      givesTo: () => false,
    },
    log: createLogger("info", { write: (line) => void said.lines.push(line) }),
    node: "a",
    isLinkUp: () => said.up,
  });
  const target = () => shooting.view()?.targets[0];
  return { shooting, said, kept, target };
}

async function listening(): Promise<number> {
  server = createServer();
  await new Promise<void>((resolve) => void server?.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("knocking at the host of a peer that cannot be asked", () => {
  it("takes a connection that is taken, and one that is refused, for a host that lives", async () => {
    const taken = world({ stonith: { command: ["x"] }, port: await listening() });
    await taken.shooting.knock("b");
    expect(taken.target()?.contested).toBe(true);
    const refused = world({ stonith: { command: ["x"] }, port: 1 });
    expect(refused.target()?.contested).toBeNull();
    await refused.shooting.knock("b");
    expect(refused.target()?.contested).toBe(true);
  });

  it("takes two masters that lost each other for the same", async () => {
    const kept = { "both-master": { b: { since: 1, theirs: null } } };
    const { shooting, target } = world({ stonith: { command: ["x"] }, kept });
    expect(await shooting.knock("b")).toContain("MASTER together");
    expect(target()?.contested).toBe(true);
  });
});

describe("shooting", () => {
  it("is off without a command", () => {
    expect(world({}).shooting.view()).toBeNull();
  });

  it("runs the command with the peer in its place inside single arguments, once", async () => {
    const command = [program("exit 0"), "--on", "{peer} at {host};", "$(id)"];
    const { shooting, target, kept, said } = world({ stonith: { command } });
    expect(await shooting.shoot("b", never)).toBe("b was shot");
    expect(shots()).toEqual(["3 --on b at 127.0.0.1; $(id) b 127.0.0.1"]);
    expect(target()?.shot).toBe("hit");
    expect(kept.stonith).toMatchObject({ b: { state: "hit" } });
    expect(said.notes).toEqual(["stonith"]);
  });

  it("replaces only what it was given, whatever is in the values", () => {
    expect(filledIn(["{peer}", "-{peer}-", "{host}"], "b", "{peer}")).toEqual(["{peer}", "-b-", "{peer}"]);
  });

  it("says by `stonith-failed` that the promotion is held, without the arguments", async () => {
    const command = [program("echo no power >&2; exit 3"), "-P", "s3cret"];
    const { shooting, target, said } = world({ stonith: { command } });
    const error = await shooting.shoot("b", never).catch((thrown: unknown) => thrown);
    expect(isKnown(error, "stonith-failed")).toBe(true);
    expect(String(error)).toContain("ended with 3: no power");
    expect(`${error}${said.lines.join()}`).not.toContain("s3cret");
    expect(target()).toMatchObject({ shot: "missed" });
    expect(target()?.nextShotInMs).toBeGreaterThan(0);
    expect(shooting.misses()).toMatchObject([{ peer: "b" }]);
    said.reachable = true;
    expect(shooting.misses()).toEqual([]);
  });

  it("goes on after a miss if told so, and keeps telling it after the promotion", async () => {
    const stonith = { command: [program("exit 1")], on_failure: "go-on" };
    const { shooting } = world({ stonith });
    expect(await shooting.shoot("b", never)).toContain("goes on");
    shooting.promoted();
    expect(shooting.misses()).toHaveLength(1);
    shooting.roleSeen("BACKUP");
    expect(shooting.misses()).toEqual([]);
  });

  it("kills a command that does not end", async () => {
    const { shooting } = world({ stonith: { command: [program("exec sleep 600")], timeout: "300ms" } });
    await expect(shooting.shoot("b", never)).rejects.toThrow("had not ended within 300 ms");
  });

  it("does not shoot a peer whose link is up again", async () => {
    const { shooting, said } = world({ stonith: { command: [program("exit 0")] } });
    said.up = true;
    expect(await shooting.shoot("b", never)).toContain("not shot");
    expect([shots(), said.asked]).toEqual([[], 1]);
  });

  it("shoots once more, and says so, if the agent was cut off in the middle", async () => {
    const kept = { stonith: { b: { state: "begun", at: Date.now(), why: null } } };
    const { shooting, said, target } = world({ stonith: { command: [program("exit 0")] }, kept });
    expect(target()?.shot).toBe("none");
    expect(await shooting.shoot("b", never)).toContain("once more");
    expect(said.notes).toEqual(["stonith-repeated", "stonith"]);
  });

  it("leaves a shot whose end is not awaited as begun", async () => {
    const end = new AbortController();
    const { shooting, kept } = world({ stonith: { command: [program("exec sleep 600")] } });
    const shot = shooting.shoot("b", end.signal);
    end.abort();
    await expect(shot).rejects.toThrow("given up");
    expect(kept.stonith).toMatchObject({ b: { state: "begun" } });
  });

  it("knows after a restart what was hit in this promotion, and not what was hit long ago", () => {
    const record = (at: number) => ({ stonith: { b: { state: "hit", at, why: null } } });
    const stonith = { command: ["x"] };
    expect(world({ stonith, kept: record(Date.now() - 10_000) }).target()?.shot).toBe("hit");
    expect(world({ stonith, kept: record(Date.now() - 400_000) }).target()?.shot).toBe("none");
  });

  it("takes each gain of the role for another event", async () => {
    const { shooting, target } = world({ stonith: { command: [program("exit 0")] } });
    await shooting.shoot("b", never);
    shooting.roleSeen("unknown");
    expect(target()?.shot).toBe("hit");
    shooting.roleSeen("BACKUP");
    expect(target()?.shot).toBe("none");
  });
});
