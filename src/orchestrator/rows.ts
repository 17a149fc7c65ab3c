import { setImmediate as nextTurn } from "node:timers/promises";
import { monotonic } from "../platform/clock.js";
import { EndpointTrouble } from "./trouble.js";

/** How long the event loop may be held before others get their turn. */
const sliceMs = 10;

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * The rows of a JSON array of objects, each through `read`, in slices of some 10 ms: JSON.parse of ten thousand
 * instances (27 MB) in one piece holds up the agent for a third of a second. `null` is an empty list. What is no such
 * array, or has one row that `read` throws at, is `EndpointTrouble` (nonsense) as a whole.
 */
export async function readRows<T>(body: Buffer, what: string, read: (row: unknown) => T): Promise<T[]> {
  if (body.toString("latin1", 0, 16).trim() === "null") return [];
  const rows: T[] = [];
  let sliceEnd = monotonic() + sliceMs;
  for (const text of rowTexts(body, what)) {
    rows.push(read(parseJson(text, what)));
    if (monotonic() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = monotonic() + sliceMs;
  }
  return rows;
}

/** JSON.parse, with `EndpointTrouble` (nonsense) for what is no JSON. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new EndpointTrouble("nonsense", `${what}: the answer is no JSON.`, error);
  }
}

/** Cuts an array into the texts of its objects. What is inside of one is for JSON.parse to judge. */
function* rowTexts(body: Buffer, what: string): Generator<string> {
  let at = skipBlank(body, 0);
  if (body[at] !== openBracket) throw noList(what);
  at = skipBlank(body, at + 1);
  if (body[at] !== closeBracket) {
    for (;;) {
      const end = endOfObject(body, at, what);
      yield body.toString("utf8", at, end);
      at = skipBlank(body, end);
      if (body[at] === closeBracket) break;
      if (body[at] !== comma) throw noList(what);
      at = skipBlank(body, at + 1);
    }
  }
  if (skipBlank(body, at + 1) !== body.length) throw noList(what);
}

/** The index after the brace that closes the object at `start`. */
function endOfObject(body: Buffer, start: number, what: string): number {
  if (body[start] !== openBrace) throw noList(what);
  let depth = 0;
  for (let at = start; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === quote) at = endOfString(body, at, what);
    else if (byte === openBrace) depth += 1;
    else if (byte === closeBrace) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  throw noList(what);
}

/** The index of the quote that closes the string which opens at `start`. */
function endOfString(body: Buffer, start: number, what: string): number {
  for (let at = start + 1; at < body.length; at += 1) {
    if (body[at] === backslash) at += 1;
    else if (body[at] === quote) return at;
  }
  throw noList(what);
}

function skipBlank(body: Buffer, start: number): number {
  let at = start;
  while (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09) at += 1;
  return at;
}

function noList(what: string): EndpointTrouble {
  return new EndpointTrouble("nonsense", `${what}: the answer is no whole JSON list of objects.`);
}
