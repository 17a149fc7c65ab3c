import type { Manifest } from "../../../src/snapshot/manifest.js";

/** One kind of damage to a file: what was done, and the file then. */
export interface Damaged {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Numbers from 0 up to 1, the same ones for the same seed (mulberry32): a failure names what can be done again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pageSize = 4_096;

/** All damage of a database file that there is to survive: always the same from one seed. */
export const corpusSeed = Number(process.env.CORPUS_SEED ?? 20_261_121);

export function corpus(good: Buffer): Corpus {
  return {
    flips: bitFlips(good, 1_000, seeded(corpusSeed)),
    truncations: truncations(good, pageSize, 300, seeded(corpusSeed + 1)),
    zeroed: zeroedPages(good, pageSize),
    swapped: swappedPages(good, pageSize, 200, seeded(corpusSeed + 2)),
  };
}

export interface Corpus {
  readonly flips: Iterable<Damaged>;
  readonly truncations: Iterable<Damaged>;
  readonly zeroed: Iterable<Damaged>;
  readonly swapped: Iterable<Damaged>;
}

/** Every `n`th of a corpus that takes its time: all of it with CORPUS_FULL in the environment. */
export function* everyNth(damaged: Iterable<Damaged>, n: number): Generator<Damaged> {
  const step = process.env.CORPUS_FULL === undefined ? n : 1;
  let place = 0;
  for (const one of damaged) {
    if (place % step === 0) yield one;
    place += 1;
  }
}

/** How often each verdict was given, and for the first of each what was done. */
export async function verdicts(
  damaged: Iterable<Damaged>,
  gate: (bytes: Buffer) => Promise<string>,
): Promise<Record<string, { count: number; first: string }>> {
  const found: Record<string, { count: number; first: string }> = {};
  for (const { what, bytes } of damaged) {
    const verdict = await gate(bytes);
    const known = found[verdict];
    if (known) known.count += 1;
    else found[verdict] = { count: 1, first: `${what} (seed ${corpusSeed})` };
  }
  return found;
}

/** `count` flips of one bit each, one in every equal part of the file. */
export function* bitFlips(good: Buffer, count: number, random: () => number): Generator<Damaged> {
  for (let part = 0; part < count; part += 1) {
    const at = Math.floor(((part + random()) * good.length) / count);
    const bit = Math.floor(random() * 8);
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    yield { what: `bit ${bit} of byte ${at} flipped`, bytes };
  }
}

/** Cut at every page's beginning (the first is the empty file), and `count` times anywhere. */
export function* truncations(
  good: Buffer,
  pageSize: number,
  count: number,
  random: () => number,
): Generator<Damaged> {
  for (let length = 0; length < good.length; length += pageSize) yield cut(good, length);
  for (let n = 0; n < count; n += 1) yield cut(good, Math.floor(random() * good.length));
}

function cut(good: Buffer, length: number): Damaged {
  return { what: `cut to ${length} bytes`, bytes: good.subarray(0, length) };
}

export function* zeroedPages(good: Buffer, pageSize: number): Generator<Damaged> {
  for (let at = 0; at < good.length; at += pageSize) {
    const bytes = Buffer.from(good);
    bytes.fill(0, at, at + pageSize);
    if (!bytes.equals(good)) yield { what: `page at ${at} zeroed`, bytes };
  }
}

/** Every page with its neighbour, and `count` pairs from anywhere. */
export function* swappedPages(
  good: Buffer,
  pageSize: number,
  count: number,
  random: () => number,
): Generator<Damaged> {
  const pages = good.length / pageSize;
  const anywhere = (): number => Math.floor(random() * pages);
  const neighbours = Array.from({ length: pages - 1 }, (_, n): [number, number] => [n, n + 1]);
  const others = Array.from({ length: count }, (): [number, number] => [anywhere(), anywhere()]);
  for (const [a, b] of [...neighbours, ...others]) {
    const bytes = Buffer.from(good);
    good.copy(bytes, a * pageSize, b * pageSize, (b + 1) * pageSize);
    good.copy(bytes, b * pageSize, a * pageSize, (a + 1) * pageSize);
    if (!bytes.equals(good)) yield { what: `pages ${a} and ${b} swapped`, bytes };
  }
}

/** A manifest with one thing changed: every value another one, every key left out, one too many in every object. */
export function* changedManifests(manifest: Manifest): Generator<{ what: string; value: unknown }> {
  for (const path of pathsIn(manifest)) {
    const old = path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], manifest);
    for (const other of othersOf(old))
      yield { what: `${path.join(".")} changed`, value: edited(manifest, path, other) };
    yield { what: `${path.join(".")} left out`, value: edited(manifest, path) };
    if (typeof old === "object" && old !== null)
      yield { what: `${path.join(".")} longer by one`, value: edited(manifest, [...path, "9"], "more") };
  }
}

function pathsIn(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...pathsIn(inner, [...path, key])]);
}

function othersOf(value: unknown): unknown[] {
  if (value === null) return ["x", 0];
  if (typeof value === "number") return [value + 1, -1, String(value)];
  if (typeof value !== "string") return [null];
  const last = value.at(-1) === "0" ? "1" : "0";
  return [`${value.slice(0, -1)}${last}`, "", null];
}

function edited(manifest: Manifest, path: readonly string[], ...replacement: readonly unknown[]): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(manifest));
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], copy) as Record<
    string,
    unknown
  >;
  const key = path.at(-1) ?? "";
  if (replacement.length > 0) holder[key] = replacement[0];
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
  return copy;
}
