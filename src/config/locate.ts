/** A place in a configuration: table names, list positions and a key, as zod gives them. */
export type KeyPath = readonly PropertyKey[];

/** `[[peer]] 2, host_key`: how a key is named to people, counting list entries from one. */
export function formatKeyPath(path: KeyPath): string {
  return path
    .map((part) => (typeof part === "number" ? `#${part + 1}` : String(part)))
    .join(".")
    .replaceAll(".#", " #");
}

/**
 * The line (from 1) where `path` is written in a TOML text, or its table's header, or undefined. It knows the plain
 * forms people write (`[table]`, `[[list]]`, `key =`); for anything fancier the caller names the key alone.
 */
export function lineOf(text: string, path: KeyPath): number | undefined {
  let table = "";
  const seen = new Map<string, number>();
  let best: number | undefined;
  const [top, second, third] = path;
  const wantedTable = typeof second === "number" ? `${String(top)}#${second}` : String(top);
  const wantedKey = typeof second === "number" ? third : second;
  for (const [index, raw] of text.split("\n").entries()) {
    const header = /^\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]\]?/.exec(raw);
    if (header) {
      const name = header[2] as string;
      const count = seen.get(name) ?? 0;
      seen.set(name, count + 1);
      table = header[1] === "[[" ? `${name}#${count}` : name;
      if (table === wantedTable) best = index + 1;
      continue;
    }
    const key = /^\s*([A-Za-z0-9_-]+)\s*=/.exec(raw)?.[1];
    if (key === undefined) continue;
    if (table === wantedTable && key === String(wantedKey)) return index + 1;
    if (table === "" && path.length === 1 && key === String(top)) return index + 1;
  }
  return best;
}
