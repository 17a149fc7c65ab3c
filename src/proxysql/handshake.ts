import { connect, type NetConnectOpts } from "node:net";
import { sentenceOf } from "../platform/errors.js";

/** What the client port said when we knocked. */
export type Handshake =
  | { readonly ok: true; readonly serverVersion: string }
  | { readonly ok: false; readonly refused: boolean; readonly why: string };

/**
 * Connects to ProxySQL's client port as a MySQL client does and reads the server's greeting (protocol 10), then hangs
 * up. `refused` tells that nobody listens, as opposed to somebody who does not answer well. Never rejects.
 * Greeting: 3 bytes length, 1 byte sequence, 1 byte protocol version, server version up to a zero byte
 * (MySQL's "Protocol::HandshakeV10").
 */
export function knock(host: string, port: number, ms: number): Promise<Handshake> {
  return greetingAt({ host, port }, ms);
}

/** The same at a Unix socket, which ProxySQL can serve clients on as well. */
export function knockSocket(path: string, ms: number): Promise<Handshake> {
  return greetingAt({ path }, ms);
}

function greetingAt(address: NetConnectOpts, ms: number): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let received = Buffer.alloc(0);
    const finish = (result: Handshake): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(
      () => finish({ ok: false, refused: false, why: `no greeting within ${ms} ms` }),
      ms,
    );
    socket.on("error", (error: NodeJS.ErrnoException) => {
      finish({ ok: false, refused: error.code === "ECONNREFUSED", why: sentenceOf(error) });
    });
    socket.on("close", () => finish({ ok: false, refused: false, why: "it hung up without a greeting" }));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const greeting = readGreeting(received);
      if (greeting) finish(greeting);
    });
  });
}

function readGreeting(bytes: Buffer): Handshake | undefined {
  const protocol = bytes[4];
  if (protocol === undefined) return undefined;
  if (protocol !== 10)
    return { ok: false, refused: false, why: `its first byte was ${protocol}, not protocol 10` };
  const end = bytes.indexOf(0, 5);
  if (end >= 0) return { ok: true, serverVersion: bytes.toString("latin1", 5, end) };
  return bytes.length > 512 ? { ok: false, refused: false, why: "its greeting has no end" } : undefined;
}
