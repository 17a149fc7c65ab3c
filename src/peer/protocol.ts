import { KnownError } from "../platform/errors.js";
import { escapeBytes } from "./escape-bytes.js";

/** Changes when two ends that differ could misunderstand each other; both must have the same. */
export const protocolVersion = 1;

/** Longest header line. What is long (a manifest, a file's bytes) travels as a body. */
export const headerLimit = 64 * 1024;

/**
 * Longest body. Files are cut into small chunks, so nothing of a file's size is ever held in memory, and every
 * chunk has an answer (and a deadline) of its own.
 */
export const bodyLimit = 1024 * 1024;

/** Bytes of a file in one chunk: small, so that a heartbeat on the same connection never waits behind much. */
export const chunkSize = 32 * 1024;

/**
 * Chunks on the way without an answer. With `chunkSize` this bounds what a heartbeat may have to wait for: 64 KiB are
 * half a second at 1 Mbit/s.
 */
export const chunksInFlight = 2;

/** A header line as it came: what else is in it is read by who asked for it. */
export interface Header {
  readonly id: number;
  readonly [field: string]: unknown;
}

/** One message: a JSON line, and as many bytes as it announces in `bodyLength`. */
export interface Frame {
  readonly header: Header;
  readonly body: Buffer;
}

const noBody = Buffer.alloc(0);

/** The bytes of one message. `bodyLength` is added here and nowhere else. */
export function encodeFrame(header: Header, body: Uint8Array = noBody): Buffer {
  const line = `${JSON.stringify({ ...header, bodyLength: body.length })}\n`;
  if (line.length > headerLimit)
    throw new KnownError("peer-protocol", `A header of ${line.length} bytes is too long to send.`);
  if (body.length > bodyLimit)
    throw new KnownError("peer-protocol", `A body of ${body.length} bytes is too long to send.`);
  return Buffer.concat([Buffer.from(line, "utf8"), body]);
}

/** Cuts a stream into frames. `push` throws `peer-protocol` at the first byte that cannot be one, and ever after. */
export interface FrameParser {
  push(bytes: Uint8Array): Frame[];
  /** True in the middle of a message: a stream that ends here was cut. */
  readonly pending: boolean;
}

export function createFrameParser(): FrameParser {
  let waiting: Buffer[] = [];
  let waitingLength = 0;
  let header: Header | undefined;
  let bodyLength = 0;
  let failed: KnownError | undefined;

  function fail(sentence: string): never {
    failed = new KnownError("peer-protocol", sentence);
    throw failed;
  }

  function gather(): Buffer {
    const all = waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting, waitingLength);
    waiting = [all];
    return all;
  }

  function keepFrom(all: Buffer, offset: number): void {
    waiting = offset === all.length ? [] : [all.subarray(offset)];
    waitingLength = all.length - offset;
  }

  function takeHeader(newestLength: number): boolean {
    if (waitingLength === 0) return false;
    const all = gather();
    if (all[0] !== 0x7b) fail(`It does not speak our protocol; it begins with ${escapeBytes(all)}.`);
    const end = all.indexOf(0x0a, Math.max(0, all.length - newestLength));
    if (end > headerLimit || (end < 0 && all.length > headerLimit)) {
      fail(`It sent a header longer than ${headerLimit} bytes, beginning with ${escapeBytes(all)}.`);
    }
    if (end < 0) return false;
    const line = all.subarray(0, end);
    const read = readHeader(line);
    if (read === undefined) fail(`It sent a line that is no header: ${escapeBytes(line)}.`);
    header = read.header;
    bodyLength = read.bodyLength;
    if (bodyLength > bodyLimit)
      fail(`It announced a body of ${bodyLength} bytes; the limit is ${bodyLimit}.`);
    keepFrom(all, end + 1);
    return true;
  }

  function takeFrame(): Frame | undefined {
    if (header === undefined || waitingLength < bodyLength) return undefined;
    const all = waitingLength === 0 ? noBody : gather();
    const frame = { header, body: all.subarray(0, bodyLength) };
    keepFrom(all, bodyLength);
    header = undefined;
    return frame;
  }

  function push(bytes: Uint8Array): Frame[] {
    if (failed !== undefined) throw failed;
    const frames: Frame[] = [];
    if (bytes.length === 0) return frames;
    waiting.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    waitingLength += bytes.length;
    for (;;) {
      // After a whole frame all that is left came with the newest bytes, so the search for a line's end never
      // goes over the same bytes twice.
      if (header === undefined && !takeHeader(bytes.length)) return frames;
      const frame = takeFrame();
      if (frame === undefined) return frames;
      frames.push(frame);
    }
  }

  return {
    push,
    get pending() {
      return header !== undefined || waitingLength > 0;
    },
  };
}

function readHeader(line: Buffer): { header: Header; bodyLength: number } | undefined {
  const value = parseObject(line);
  if (value === undefined) return undefined;
  const { id, bodyLength } = value;
  if (!isCount(id) || !isCount(bodyLength)) return undefined;
  return { header: { ...value, id }, bodyLength };
}

/** The JSON object that these bytes are, or undefined. */
export function parseObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a whole number from 0 up that JSON can carry without loss. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
