import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKnown } from "../platform/errors.js";
import { askSocket } from "./client.js";
import { type ControlRequest, controlRequestSchema, peerRequestSchema } from "./protocol.js";
import { type ControlServer, serveControl } from "./server.js";
import { drainSpool } from "./spool.js";

let dir: string;
let path: string;
let server: ControlServer | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "control-"));
  path = join(dir, "agent.sock");
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(dir, { recursive: true });
});

async function serve(answer?: (request: ControlRequest) => Promise<{ ok: true }>): Promise<void> {
  server = await serveControl(path, controlRequestSchema, answer ?? (async () => ({ ok: true })));
}

/** Sends bytes as they are and returns what comes back until the other side hangs up. */
function send(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ path }, () => socket.write(bytes));
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isKnown(error) ? error.code : `not a known error: ${String(error)}`;
}

describe("the control socket", () => {
  it("answers a request it knows, for its owner alone", async () => {
    await serve();
    expect(await askSocket(path, { op: "status" }, 1_000)).toEqual({ ok: true });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("takes the hook's line", async () => {
    const seen: ControlRequest[] = [];
    await serve(async (request) => {
      seen.push(request);
      return { ok: true };
    });
    expect(await send('{"op":"event","type":"MASTER","subsystem":"9@vlan0.10"}\n')).toBe('{"ok":true}\n');
    expect(seen).toEqual([{ op: "event", type: "MASTER", subsystem: "9@vlan0.10" }]);
  });

  it.each([
    "hello\n",
    "{}\n",
    '{"op":"event","type":"KING","subsystem":"9@em0"}\n',
    '{"op":"status"',
    "[1,2\n",
    "\0\0\n",
  ])("lets nothing strange in: %j", async (line) => {
    let asked = false;
    await serve(async () => {
      asked = true;
      return { ok: true };
    });
    const socket = line.endsWith("\n") ? send(line) : undefined;
    if (socket) expect(await socket).toContain('"ok":false');
    else {
      const cut = connect({ path }, () => cut.end(line));
      await new Promise((resolve) => cut.on("close", resolve));
    }
    expect(asked).toBe(false);
  });

  it("hangs up on a line without an end", async () => {
    await serve();
    expect(await send("x".repeat(5 * 1024 * 1024))).toBe("");
    expect(await askSocket(path, { op: "status" }, 1_000)).toEqual({ ok: true });
  });

  it("takes a request of 16 KiB and no longer one, be it in one piece or not", async () => {
    await serve();
    const line = (length: number): string => `{"op":"status"}${" ".repeat(length - 15)}\n`;
    expect(await send(line(16 * 1024))).toBe('{"ok":true}\n');
    expect(await send(line(16 * 1024 + 1))).toBe("");
    expect(await send(line(16 * 1024 + 1).slice(0, -1))).toBe("");
  });

  it("lets a client go that trickles its line, five seconds after it came", { timeout: 15_000 }, async () => {
    await serve();
    const began = Date.now();
    const socket = connect({ path });
    const trickle = setInterval(() => socket.write("x"), 200);
    await new Promise((resolve) => socket.on("error", () => undefined).on("close", resolve));
    clearInterval(trickle);
    expect(Date.now() - began).toBeGreaterThan(4_000);
  });

  it("lets a client go that stays after its answer", { timeout: 15_000 }, async () => {
    await serve();
    const socket = connect({ path, allowHalfOpen: true }, () => socket.write('{"op":"status"}\n'));
    socket.resume();
    const chatter = setInterval(() => socket.write("x"), 200);
    await new Promise((resolve) => socket.on("error", () => undefined).on("close", resolve));
    clearInterval(chatter);
  });

  it("serves 64 clients at once and hangs up on the next", async () => {
    await serve();
    const clients = await Promise.all(
      Array.from({ length: 64 }, async () => {
        const socket = connect({ path });
        await new Promise((resolve) => socket.once("connect", resolve));
        return socket;
      }),
    );
    expect(await send("")).toBe("");
    expect(clients.every((client) => !client.destroyed)).toBe(true);

    clients[0]?.destroy();
    await expect.poll(() => send('{"op":"status"}\n'), { timeout: 5_000 }).toBe('{"ok":true}\n');
    for (const client of clients) client.destroy();
  });

  it("tells an answer that failed as an error, and lives on", async () => {
    await serve(async () => {
      throw new Error("the disk is full");
    });
    expect(await askSocket(path, { op: "status" }, 1_000)).toEqual({ ok: false, error: "the disk is full" });
  });

  it("takes over the socket of a dead agent, never that of a live one", async () => {
    writeFileSync(path, "");
    await serve();
    expect(await askSocket(path, { op: "status" }, 1_000)).toEqual({ ok: true });
    expect(await codeOf(serveControl(path, controlRequestSchema, async () => ({ ok: true })))).toBe(
      "agent-running",
    );
  });
});

describe("the peer's socket", () => {
  it.each([
    ["0000000006-0000000012-a", true],
    [`0000000006-0000000012-${"n".repeat(63)}`, true],
    [`0000000006-0000000012-${"n".repeat(64)}`, false],
    ["6-12-a", false],
    ["0000000006-0000000012-", false],
    ["0000000006-0000000012-../a", false],
    ["0000000006-0000000012-a\n", false],
    ["0000000006-0000000012-\u001b[2J", false],
    ["x".repeat(8_000), false],
  ])("knows the name of a snapshot: %j", (id, good) => {
    expect(peerRequestSchema.safeParse({ op: "received", id }).success).toBe(good);
  });
});

describe("askSocket", () => {
  it("says that nobody is there", async () => {
    expect(await codeOf(askSocket(path, {}, 1_000))).toBe("agent-unreachable");
  });

  it("gives up on one that is silent", async () => {
    const mute = createServer(() => undefined).listen(path);
    expect(await codeOf(askSocket(path, {}, 50))).toBe("deadline");
    mute.close();
  });

  it("is not fooled by one that hangs up in the middle", async () => {
    const rude = createServer((socket) => socket.end('{"ok":tr')).listen(path);
    expect(await codeOf(askSocket(path, {}, 1_000))).toBe("agent-unreachable");
    rude.close();
  });
});

describe("drainSpool", () => {
  it("takes events out oldest first, and what is none as well", async () => {
    const spool = join(dir, "spool");
    mkdirSync(spool);
    writeFileSync(join(spool, "100-2.event"), '{"op":"event","type":"BACKUP","subsystem":"9@em0"}\n');
    writeFileSync(join(spool, "100-1.event"), '{"op":"event","type":"INIT","subsystem":"9@em0"}\n');
    writeFileSync(join(spool, "200-1.event"), "half an ev");
    writeFileSync(join(spool, ".100-3.event"), "being written");
    chmodSync(spool, 0o700);

    expect((await drainSpool(dir)).map((event) => event?.type)).toEqual(["INIT", "BACKUP", undefined]);
    expect(readdirSync(spool)).toEqual([".100-3.event"]);
  });
});
