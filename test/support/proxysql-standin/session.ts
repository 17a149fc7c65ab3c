import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import * as wire from "./wire.js";

/** An answer to one command. */
export type Answer =
  | { kind: "ok"; affectedRows: number; info: string; twice?: boolean; last?: boolean }
  | { kind: "error"; code: number; sqlState: string; message: string }
  | { kind: "rows"; columns: string[]; rows: (string | null)[][] }
  /** Nothing is sent: the client waits, or sees the connection drop. */
  | { kind: "none" };

/** What a listener decides about its sessions. */
export interface SessionHandler {
  serverVersion(): string;
  /** Undefined to accept; else the error to refuse with. */
  authenticate(session: Session, passwordFits: (password: string) => boolean): Answer | undefined;
  query(session: Session, text: string): Promise<Answer>;
  closed(session: Session): void;
}

let lastId = 0;

/** One client connection: handshake, then commands one after the other. */
export class Session {
  readonly id: number;
  readonly socket: Socket;
  user = "";
  database = "";
  usingPassword = false;
  readonly #handler: SessionHandler;
  // Bytes 1 to 127: a zero would end the scramble early, and some clients read it as text.
  readonly #scramble = Buffer.from(randomBytes(20).map((byte) => (byte % 127) + 1));
  #received: Buffer = Buffer.alloc(0);
  #sequence = 0;
  #state: "login" | "switched" | "commands" | "mute" = "login";
  #work: Promise<void> = Promise.resolve();

  constructor(socket: Socket, handler: SessionHandler) {
    lastId += 1;
    this.id = lastId;
    this.socket = socket;
    this.#handler = handler;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => handler.closed(this));
    this.#send([wire.greeting(this.id, handler.serverVersion(), this.#scramble)]);
  }

  /** The client's address as MySQL errors name it. */
  get host(): string {
    return (this.socket.remoteAddress ?? "localhost").replace(/^::ffff:/, "");
  }

  destroy(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const length = this.#received.readUIntLE(0, 3);
      if (this.#received.length < 4 + length) return;
      const sequence = this.#received.readUInt8(3);
      const packet = this.#received.subarray(4, 4 + length);
      this.#received = this.#received.subarray(4 + length);
      this.#work = this.#work.then(() => this.#handle(packet, sequence)).catch(() => this.destroy());
    }
  }

  async #handle(packet: Buffer, sequence: number): Promise<void> {
    this.#sequence = (sequence + 1) & 0xff;
    if (this.#state === "mute") return;
    if (this.#state === "commands") return this.#command(packet);
    const login = this.#state === "login" ? wire.parseLogin(packet) : undefined;
    if (login !== undefined) {
      this.user = login.user;
      this.database = login.database;
    }
    if (login !== undefined && wire.needsSwitch(login)) {
      this.#state = "switched";
      return this.#send([wire.authSwitch(this.#scramble)]);
    }
    this.#finishLogin(login?.token ?? packet);
  }

  #finishLogin(token: Buffer): void {
    this.usingPassword = token.length > 0;
    const refusal = this.#handler.authenticate(this, (password) =>
      wire.passwordFits(token, this.#scramble, password),
    );
    if (refusal !== undefined) {
      this.#answer(refusal);
      this.socket.end();
      return;
    }
    this.#state = "commands";
    this.#send([wire.okPacket(0, "")]);
  }

  async #command(packet: Buffer): Promise<void> {
    switch (packet.readUInt8(0)) {
      case wire.COMMAND.quit:
        this.socket.end();
        return;
      case wire.COMMAND.ping:
      case wire.COMMAND.initDb:
        return this.#answer({ kind: "ok", affectedRows: 0, info: "" });
      case wire.COMMAND.setOption:
        return this.#send([wire.eofPacket()]);
      case wire.COMMAND.query:
        return this.#answer(await this.#handler.query(this, packet.toString("utf8", 1)));
      case wire.COMMAND.changeUser:
        // ProxySQL lets the client wait here for ever.
        return;
      case wire.COMMAND.prepare:
        return this.#answer({
          kind: "error",
          code: 1045,
          sqlState: "28000",
          message: "Command not supported",
        });
      case wire.COMMAND.resetConnection:
        return this.#answer(unsupported("COM_RESET_CONNECTION"));
      default:
        return this.#answer(unsupported("COMMAND"));
    }
  }

  #answer(answer: Answer): void {
    if (answer.kind === "ok") {
      const packet = wire.okPacket(answer.affectedRows, answer.info);
      this.#send(answer.twice === true ? [packet, packet] : [packet]);
      if (answer.last === true) this.#state = "mute";
    }
    if (answer.kind === "error") this.#send([wire.errorPacket(answer.code, answer.sqlState, answer.message)]);
    if (answer.kind === "rows") this.#send(wire.resultPackets(answer.columns, answer.rows));
  }

  #send(packets: readonly Buffer[]): void {
    if (this.socket.destroyed) return;
    const framed: Buffer[] = [];
    for (const packet of packets) {
      const header = Buffer.alloc(4);
      header.writeUIntLE(packet.length, 0, 3);
      header.writeUInt8(this.#sequence, 3);
      this.#sequence = (this.#sequence + 1) & 0xff;
      framed.push(header, packet);
    }
    this.socket.write(Buffer.concat(framed));
  }
}

function unsupported(name: string): Answer {
  const message = `Received unsupported '${name}' for session type 'PROXYSQL_SESSION_ADMIN'`;
  return { kind: "error", code: 1047, sqlState: "28000", message };
}

/** An error answer as ProxySQL's admin gives all its errors. */
export function adminError(message: string): Answer {
  return { kind: "error", code: 1045, sqlState: "28000", message: `ProxySQL Admin Error: ${message}` };
}

/** The refusal of a login. */
export function accessDenied(session: Session): Answer {
  const password = session.usingPassword ? "YES" : "NO";
  const message = `ProxySQL Error: Access denied for user '${session.user}'@'${session.host}' (using password: ${password})`;
  return { kind: "error", code: 1045, sqlState: "28000", message };
}

/** An OK answer. */
export function ok(affectedRows = 0, info = ""): Answer {
  return { kind: "ok", affectedRows, info };
}
