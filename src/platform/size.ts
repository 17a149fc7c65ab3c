const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A number of bytes as people read it: `512 B`, `63.5 MiB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
