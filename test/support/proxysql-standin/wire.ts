import { createHash } from "node:crypto";

// The server's half of the MySQL protocol, as little of it as ProxySQL's admin and client ports need. mysql2's own
// server side is not used: it cannot set an SQLSTATE nor the info of an OK packet, and takes SET and PREPARE away.

/** Commands of the MySQL protocol. */
export const COMMAND = {
  quit: 1,
  initDb: 2,
  query: 3,
  ping: 14,
  changeUser: 17,
  prepare: 22,
  setOption: 27,
  resetConnection: 31,
} as const;
/** Capabilities offered: 4.1 protocol, secure and pluggable authentication, transactions, multi statements, schema. */
export const CAPABILITIES = 0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000;
const CONNECT_WITH_DB = 0x8;
const PLUGIN_AUTH = 0x80000;
const LENENC_AUTH = 0x200000;
const UTF8 = 33;
const AUTOCOMMIT = 2;
const NATIVE = "mysql_native_password";

/** What a client said of itself. */
export interface Login {
  user: string;
  database: string;
  plugin: string;
  token: Buffer;
}

/** The greeting. `scramble` is 20 bytes without a zero. */
export function greeting(connectionId: number, serverVersion: string, scramble: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([10]),
    zeroEnded(serverVersion),
    uint(connectionId, 4),
    scramble.subarray(0, 8),
    Buffer.from([0]),
    uint(CAPABILITIES & 0xffff, 2),
    Buffer.from([UTF8]),
    uint(AUTOCOMMIT, 2),
    uint(CAPABILITIES >>> 16, 2),
    Buffer.from([scramble.length + 1]),
    Buffer.alloc(10),
    scramble.subarray(8),
    Buffer.from([0]),
    zeroEnded(NATIVE),
  ]);
}

/** Reads the answer to the greeting. Throws a RangeError when it is cut short. */
export function parseLogin(packet: Buffer): Login {
  const flags = packet.readUInt32LE(0);
  let at = 32;
  const user = textUntilZero(packet, at);
  at += Buffer.byteLength(user) + 1;
  const length = packet.readUInt8(at);
  if ((flags & LENENC_AUTH) !== 0 && length > 250) throw new RangeError("authentication data too long");
  const token = packet.subarray(at + 1, at + 1 + length);
  at += 1 + length;
  const withDatabase = (flags & CONNECT_WITH_DB) !== 0 && at < packet.length;
  const database = withDatabase ? textUntilZero(packet, at) : "";
  if (withDatabase) at += Buffer.byteLength(database) + 1;
  const plugin = (flags & PLUGIN_AUTH) !== 0 && at < packet.length ? textUntilZero(packet, at) : NATIVE;
  return { user, database, plugin, token };
}

/** Asks a client that came with another method to use the native one. */
export function authSwitch(scramble: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xfe]), zeroEnded(NATIVE), scramble, Buffer.from([0])]);
}

/** True for a client that did not answer by the native method. */
export function needsSwitch(login: Login): boolean {
  return login.plugin !== NATIVE;
}

/** Checks a native password. `password` is clear text or `*` and 40 hexadecimal digits, as in `mysql_users`. */
export function passwordFits(token: Buffer, scramble: Buffer, password: string): boolean {
  if (password === "") return token.length === 0;
  if (token.length !== 20) return false;
  const stage2 = /^\*[0-9A-F]{40}$/i.test(password)
    ? Buffer.from(password.slice(1), "hex")
    : sha1(sha1(Buffer.from(password)));
  const mask = sha1(Buffer.concat([scramble, stage2]));
  const stage1 = Buffer.from(token.map((byte, index) => byte ^ (mask[index] ?? 0)));
  return sha1(stage1).equals(stage2);
}

/** An OK packet. */
export function okPacket(affectedRows: number, info: string): Buffer {
  return Buffer.concat([
    Buffer.from([0]),
    lenenc(affectedRows),
    lenenc(0),
    uint(AUTOCOMMIT, 2),
    uint(0, 2),
    Buffer.from(info),
  ]);
}

/** An error packet. */
export function errorPacket(code: number, sqlState: string, message: string): Buffer {
  return Buffer.concat([Buffer.from([0xff]), uint(code, 2), Buffer.from(`#${sqlState}${message}`)]);
}

/** End of columns or rows. */
export function eofPacket(): Buffer {
  return Buffer.concat([Buffer.from([0xfe]), uint(0, 2), uint(AUTOCOMMIT, 2)]);
}

/** The packets of a result; every column is a VAR_STRING, as ProxySQL's admin answers. */
export function resultPackets(
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): Buffer[] {
  return [
    lenenc(columns.length),
    ...columns.map(columnPacket),
    eofPacket(),
    ...rows.map((row) =>
      Buffer.concat(row.map((value) => (value === null ? Buffer.from([0xfb]) : text(value)))),
    ),
    eofPacket(),
  ];
}

function columnPacket(name: string): Buffer {
  const fixed = Buffer.concat([
    uint(UTF8, 2),
    uint(0x7fff, 4),
    Buffer.from([0xfd]),
    uint(0, 2),
    Buffer.from([0x1f, 0, 0]),
  ]);
  return Buffer.concat([
    text("def"),
    text(""),
    text(""),
    text(""),
    text(name),
    text(""),
    Buffer.from([12]),
    fixed,
  ]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([lenenc(bytes.length), bytes]);
}

function lenenc(value: number): Buffer {
  if (value < 251) return Buffer.from([value]);
  if (value < 0x10000) return Buffer.concat([Buffer.from([0xfc]), uint(value, 2)]);
  if (value < 0x1000000) return Buffer.concat([Buffer.from([0xfd]), uint(value, 3)]);
  return Buffer.concat([Buffer.from([0xfe]), uint(value, 6), uint(0, 2)]);
}

function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}

function zeroEnded(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function textUntilZero(packet: Buffer, from: number): string {
  const end = packet.indexOf(0, from);
  return packet.toString("utf8", from, end < 0 ? packet.length : end);
}

function sha1(data: Buffer): Buffer {
  return createHash("sha1").update(data).digest();
}
