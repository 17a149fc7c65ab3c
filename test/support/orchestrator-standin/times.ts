/** `2026-11-21T01:58:28Z` */
export function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** `2026-11-21 01:58:28`: the backend's own text. */
export function backendText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** Milliseconds of `30m`, `1h`, `2d`; undefined for what Orchestrator does not take either. */
export function parseDuration(text: string): number | undefined {
  const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
  const match = /^(\d+)([smhdw])$/.exec(text);
  const unit = units[match?.[2] as keyof typeof units];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
