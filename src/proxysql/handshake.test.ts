import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { knock } from "./handshake.js";

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** A port that does with each client what `greet` says. */
async function serving(greet: (socket: Socket) => void): Promise<number> {
  const listening = createServer((socket) => {
    socket.on("error", () => undefined);
    greet(socket);
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const address = listening.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function packet(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([payload.length, 0, 0, 0]), payload]);
}

const greeting = packet(Buffer.from("\x0a8.0.11\0and so on", "latin1"));

describe("knock", () => {
  it("reads the server's version from its greeting", async () => {
    const port = await serving((socket) => socket.write(greeting));
    expect(await knock("127.0.0.1", port, 1_000)).toEqual({ ok: true, serverVersion: "8.0.11" });
  });

  it("reads a greeting that comes byte by byte", async () => {
    const port = await serving((socket) => {
      let sent = 0;
      const drip = setInterval(() => {
        if (sent === greeting.length || socket.destroyed) return clearInterval(drip);
        socket.write(greeting.subarray(sent, sent + 1));
        sent += 1;
      }, 1);
    });
    expect(await knock("127.0.0.1", port, 5_000)).toMatchObject({ ok: true });
  });

  it.each([
    ["says nothing", (_: Socket) => undefined, "no greeting within 50 ms"],
    ["hangs up", (socket: Socket) => socket.destroy(), "hung up"],
    ["speaks another protocol", (socket: Socket) => socket.write("SSH-2.0-OpenSSH"), "not protocol 10"],
    [
      "refuses with an error packet",
      (socket: Socket) => socket.write(packet(Buffer.from([0xff, 0x10, 0x04]))),
      "255",
    ],
    [
      "never ends its greeting",
      (socket: Socket) => socket.write(Buffer.concat([Buffer.from([0, 0, 0, 0, 10]), Buffer.alloc(600, 65)])),
      "no end",
    ],
  ])("is not satisfied by one that %s", async (_, greet, why) => {
    const answer = await knock("127.0.0.1", await serving(greet), 50);
    expect(answer).toMatchObject({ ok: false, refused: false });
    expect(answer).toHaveProperty("why", expect.stringContaining(why));
  });

  it("tells that nobody listens", async () => {
    const port = await serving(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    expect(await knock("127.0.0.1", port, 1_000)).toMatchObject({ ok: false, refused: true });
  });
});
