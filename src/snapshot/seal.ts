import { sha256Of } from "./hashing.js";
import type { Manifest } from "./manifest.js";

/** A manifest is four levels deep. Far deeper ones would only exhaust the stack of whoever walks through them. */
const deepest = 16;

/**
 * The digest over a manifest without its `seal`: of its JSON without blanks, the keys of every object in the order of
 * their code units. Fields that this version does not know count too. It finds damage, not forgery: whoever can send
 * snapshots can make seals. Undefined for what is nested too deep to be a manifest.
 */
export function sealOf(value: object): string | undefined {
  const { seal: _, ...rest } = value as { seal?: unknown };
  const text = canonical(rest, deepest);
  return text === undefined ? undefined : sha256Of(text);
}

/** A manifest with the seal that belongs to it. */
export function sealed(manifest: Omit<Manifest, "seal">): Manifest {
  return { ...manifest, seal: sealOf(manifest) ?? "" };
}

function canonical(value: unknown, depth: number): string | undefined {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (depth === 0) return undefined;
  const parts = Array.isArray(value)
    ? value.map((element: unknown) => canonical(element, depth - 1))
    : Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, element]) => {
          const text = canonical(element, depth - 1);
          return text && `${JSON.stringify(key)}:${text}`;
        });
  if (parts.includes(undefined)) return undefined;
  return Array.isArray(value) ? `[${parts.join()}]` : `{${parts.join()}}`;
}
