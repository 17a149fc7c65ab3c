import { readFileSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import ssh2 from "ssh2";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectPeer } from "../../../src/peer/connect.js";
import { fingerprintOf, parsePublicKey } from "../../../src/peer/keys.js";
import { encodeFrame } from "../../../src/peer/protocol.js";
import type { KnownError } from "../../../src/platform/errors.js";
import { makeKeyPair } from "../../support/ssh-keys.js";
import { startSshServer } from "../../support/ssh-server.js";
import {
  addressOf,
  errorOf,
  fronts,
  type Host,
  makeHost,
  serveCommand,
  snapshotAt,
  startFront,
  startLink,
  waitFor,
} from "./harness.js";

/** The first error of a link that cannot come up. */
async function refusalOfLink(from: Host, peer: Parameters<typeof startLink>[1]): Promise<KnownError> {
  const link = startLink(from, peer, { timings: { connectMs: 8_000 } });
  const error = await waitFor("an error", () => link.view.lastError);
  expect(link.view.state).not.toBe("up");
  return error;
}

function printed(line: string): string {
  return fingerprintOf(parsePublicKey(line).blob);
}

describe.each(fronts)("through $name", (kind) => {
  test.skipIf(kind.missing)("a wrong host key is named with the pinned one, whatever its type", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    const front = await startFront(kind, b, a.clientKey);
    for (const type of ["ed25519", "ecdsa", "rsa"] as const) {
      const other = makeKeyPair(join(a.dir, `other-${type}`), type);
      const error = await refusalOfLink(a, { ...addressOf(a, b, front), hostKey: other.publicLine });

      expect(error.code).toBe("peer-host-key");
      expect(error.message).toContain(printed(other.publicLine));
      expect(error.message).toContain(printed(b.hostKey.publicLine));
    }
  });

  test.skipIf(kind.missing)("a key that may not log in is named by its fingerprint", async () => {
    const [a, b, c] = [makeHost("a"), makeHost("b"), makeHost("c")];
    const front = await startFront(kind, b, c.clientKey);
    const error = await refusalOfLink(a, addressOf(a, b, front));

    expect(error.code).toBe("peer-login");
    expect(error.message).toContain(printed(a.clientKey.publicLine));
    expect(error.message).toContain(front.user);
  });

  test.skipIf(kind.missing)("other keys and host keys than ed25519 are served as well", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    for (const type of ["ecdsa", "rsa"] as const) {
      const hostKey = makeKeyPair(join(b.dir, `host-${type}`), type);
      const clientKey = makeKeyPair(join(a.dir, `client-${type}`), type);
      const front = await startFront(kind, { ...b, hostKey }, clientKey);
      const peer = { ...addressOf(a, b, front), hostKey: hostKey.publicLine, keyFile: clientKey.file };

      expect(await startLink(a, peer).waitUp(20_000)).toBe(true);
    }
  });

  test.skipIf(kind.missing).each([
    [
      "prints a banner and stays",
      ["sh", "-c", "echo '\u001b[1mWelcome\u001b[0m to b'; exec sleep 60"],
      '"\\x1b[1mWelcome\\x1b[0m to b\\n"',
    ],
    ["prints without a line's end", ["sh", "-c", "printf Password:; exec sleep 60"], '"Password:"'],
    ["complains and ends", ["sh", "-c", "echo 'no such thing' >&2; exit 127"], "with code 127"],
    ["is killed", ["sh", "-c", "kill -9 $$"], "by SIGKILL"],
    ["ends in the middle of an answer", ["sh", "-c", "printf '{\"id\":1,'"], "in the middle of an answer"],
    ["answers what was not asked", ["sh", "-c", 'echo \'{"id":7,"bodyLength":0}\'; sleep 60'], "question 7"],
  ] as const)("a peer whose command %s is told from a peer of ours", async (_, command, shown) => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    const error = await refusalOfLink(
      a,
      addressOf(a, b, await startFront(kind, b, a.clientKey, [...command])),
    );

    expect(error.code).toBe("peer-protocol");
    expect(error.message).toContain(shown);
    if (command[2].includes(">&2")) expect(error.message).toContain("no such thing");
  });

  test.skipIf(kind.missing)("another protocol, another name and our own name are named", async () => {
    const [a, b] = [makeHost("a"), makeHost("b")];
    const hello = encodeFrame({ id: 1, ok: true, protocol: 2, node: "b", version: "9.1" }).toString().trim();
    const future = await startFront(kind, b, a.clientKey, ["sh", "-c", `echo '${hello}'; exec sleep 60`]);
    const newer = await refusalOfLink(a, addressOf(a, b, future));
    expect(newer.code).toBe("peer-protocol");
    expect(newer.message).toMatch(/speaks protocol 2 \(its version 9\.1\), this node protocol 1/);

    const front = await startFront(kind, b, a.clientKey);
    const other = await refusalOfLink(a, { ...addressOf(a, b, front), name: "c" });
    expect(other.message).toContain('calls itself "b"');

    const same = await refusalOfLink({ ...a, node: "b" }, addressOf(a, b, front));
    expect(same.message).toContain('Both sides call themselves "b"');
  });
});

test("nothing is sent to a host with a wrong key: no login is even tried", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const server = await startSshServer({
    host: "127.0.0.1",
    port: 0,
    hostKeyFile: b.hostKey.file,
    authorizedKey: a.clientKey.publicLine,
    command: serveCommand(b),
  });
  onTestFinished(() => server.stop());
  const peer = addressOf(a, b, { port: server.port, user: "anyone" });

  await refusalOfLink(a, { ...peer, hostKey: a.hostKey.publicLine });
  expect(server.logins).toBe(0);

  expect(await startLink(a, peer).waitUp(20_000)).toBe(true);
  expect(server.logins).toBeGreaterThan(0);
});

test("a link that is not up refuses every call at once, with the cause", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const port = (probe.address() as { port: number }).port;
  await new Promise((resolve) => probe.close(resolve));
  const link = startLink(a, addressOf(a, b, { port, user: "anyone" }));
  await waitFor("an error", () => link.view.lastError);
  const shot = await snapshotAt(a, {});

  for (const call of [
    link.latest(),
    link.status(),
    link.ping(),
    link.list(),
    link.get(shot.manifest.id, a.dir),
    link.put(shot.stored.dir, shot.manifest),
  ]) {
    const error = (await errorOf(call)) as KnownError;
    expect(error.code).toBe("peer-unreachable");
    expect(error.message).toContain("ECONNREFUSED");
  }
});

test("a listener that never says a word, and one that hangs up, are unreachable within the deadline", async () => {
  const sockets = new Set<Socket>();
  const [a, b] = [makeHost("a"), makeHost("b")];
  for (const greet of [
    () => {},
    (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    (socket: Socket) => socket.destroy(),
  ]) {
    const listener = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      greet(socket);
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    });
    const port = (listener.address() as { port: number }).port;
    const link = startLink(a, addressOf(a, b, { port, user: "anyone" }), { timings: { connectMs: 700 } });
    const error = await waitFor("an error", () => link.view.lastError);

    expect(error.code).toBe("peer-unreachable");
    expect(error.message).toContain(String(port));
    await link.stop();
  }
});

test("a private key that is missing or is none is named", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const peer = addressOf(a, b, { port: 9, user: "anyone" });
  const none = await refusalOfLink(a, { ...peer, keyFile: join(a.dir, "nowhere") });
  expect(none.code).toBe("peer-login");
  expect(none.message).toContain("nowhere");

  const broken = await refusalOfLink(a, { ...peer, keyFile: serveCommand(b)[1] as string });
  expect(broken.code).toBe("peer-login");
  rmSync(a.clientKey.file);
});

test("a server that never opens the channel it is asked for is given up, with the whole connection", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const server = new ssh2.Server({ hostKeys: [readFileSync(b.hostKey.file)] }, (connection) => {
    connection.on("error", () => {});
    connection.on("authentication", (context) => context.accept());
    connection.on("ready", () => connection.on("session", () => {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const port = (server.address() as { port: number }).port;
  const connection = await connectPeer(
    addressOf(a, b, { port, user: "anyone" }),
    5_000,
    new AbortController().signal,
  );

  expect(await errorOf(connection.exec(200))).toMatchObject({ code: "deadline" });
  await connection.closed;
});
