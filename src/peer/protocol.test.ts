import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isKnown } from "../platform/errors.js";
import { escapeBytes } from "./escape-bytes.js";
import { bodyLimit, createFrameParser, encodeFrame, type Frame, headerLimit } from "./protocol.js";

const message = fc.record({
  header: fc.record({ id: fc.nat(), op: fc.string({ unit: "binary" }), note: fc.string() }),
  body: fc.uint8Array({ maxLength: 3_000 }),
});

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let offset = 0;
  for (let turn = 0; offset < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return pieces;
}

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("frames", () => {
  test("come out as they went in, however the stream is cut", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 });
    const property = fc.property(fc.array(message, { maxLength: 6 }), sizes, (messages, chunks) => {
      const stream = Buffer.concat(messages.map(({ header, body }) => encodeFrame(header, body)));
      const parser = createFrameParser();
      const frames: Frame[] = [];
      for (const piece of cut(stream, chunks)) frames.push(...parser.push(piece));

      expect(frames.map(({ body }) => [...body])).toEqual(messages.map(({ body }) => [...body]));
      expect(frames.map(({ header }) => header)).toEqual(
        messages.map(({ header, body }) => ({ ...header, bodyLength: body.length })),
      );
      expect(parser.pending).toBe(false);
    });
    fc.assert(property, { numRuns: 300 });
  });

  test("are known to be cut when the stream ends in the middle", () => {
    const property = fc.property(message, fc.nat(), ({ header, body }, seed) => {
      const stream = encodeFrame(header, body);
      const end = 1 + (seed % (stream.length - 1));
      const parser = createFrameParser();

      expect(parser.push(stream.subarray(0, end))).toEqual([]);
      expect(parser.pending).toBe(true);
    });
    fc.assert(property, { numRuns: 200 });
  });

  test("never come out of arbitrary bytes as anything but a frame or a named error", () => {
    const property = fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (pieces) => {
      const parser = createFrameParser();
      const error = errorOf(() => {
        for (const piece of pieces) parser.push(piece);
      });

      expect(error === undefined || isKnown(error, "peer-protocol")).toBe(true);
    });
    fc.assert(property, { numRuns: 500 });
  });
});

describe("garbage", () => {
  test.each([
    ["a banner without a line's end", "Welcome to FreeBSD!", '"Welcome to FreeBSD!"'],
    ["a line that is no JSON", "{hello}\n", '"{hello}"'],
    ["a header without an id", '{"bodyLength":0}\n', "no header"],
    ["a negative length", '{"id":1,"bodyLength":-1}\n', "no header"],
    ["terminal control", "\u001b[2Jx", '"\\x1b[2Jx"'],
    ["a body beyond the limit", `{"id":1,"bodyLength":${bodyLimit + 1}}\n`, `${bodyLimit + 1} bytes`],
  ])("%s is a named error that shows it", (_, text, shown) => {
    const error = errorOf(() => createFrameParser().push(Buffer.from(text)));

    expect(isKnown(error, "peer-protocol") && error.message).toContain(shown);
  });

  test("after a good frame is refused as well, and the parser stays refused", () => {
    const parser = createFrameParser();
    expect(parser.push(encodeFrame({ id: 1 }))).toHaveLength(1);

    expect(errorOf(() => parser.push(Buffer.from("bash: warning")))).toBeDefined();
    expect(errorOf(() => parser.push(encodeFrame({ id: 2 })))).toBeDefined();
  });

  test("in the form of an endless header ends at the limit", () => {
    const parser = createFrameParser();
    const piece = Buffer.alloc(8_192, 0x7b);
    const error = errorOf(() => {
      for (let sent = 0; sent <= headerLimit; sent += piece.length) parser.push(piece);
    });

    expect(isKnown(error, "peer-protocol") && error.message).toContain("longer than");
  });

  test("a line's end just beyond the limit does not help it", () => {
    const line = Buffer.concat([Buffer.alloc(headerLimit + 1, 0x7b), Buffer.from("\n")]);

    expect(errorOf(() => createFrameParser().push(line))).toBeDefined();
  });
});

test("what would be refused is not sent", () => {
  expect(errorOf(() => encodeFrame({ id: 1, note: "x".repeat(headerLimit) }))).toBeDefined();
  expect(errorOf(() => encodeFrame({ id: 1 }, Buffer.alloc(bodyLimit + 1)))).toBeDefined();
});

test("escaped bytes are bounded and printable", () => {
  const property = fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    expect(escapeBytes(bytes)).toMatch(/^"[\x20-\x7e]{0,320}"(\.\.\.)?$/);
  });
  fc.assert(property);
});
