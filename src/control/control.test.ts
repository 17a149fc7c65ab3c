import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKnown } from "../platform/errors.js";
import { askSocket } from "./client.js";
import { type ControlRequest, controlRequestSchema } from "./protocol.js";
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
