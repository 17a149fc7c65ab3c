/** Marks for text on a terminal. Each returns its text unchanged where the stream shows no colours. */
export interface Colours {
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const same = (text: string): string => text;
/** For text that goes anywhere but to a terminal. */
export const noColours: Colours = { good: same, warn: same, bad: same, dim: same, bold: same };

/** The terminal types of termcap and of FreeBSD's /etc/ttys that tell nothing of what the terminal can do. */
const dumbTypes: ReadonlySet<string> = new Set(["", "dumb", "unknown", "network", "dialup"]);

/** True if no escape sequence may be sent to the terminal: TERM says so, or is not set. */
export function isDumb(env: NodeJS.ProcessEnv = process.env): boolean {
  return dumbTypes.has(env.TERM ?? "");
}

/**
 * Colours for what is written to a stream: none unless it is a terminal, none with TERM=dumb, none with a NO_COLOR that
 * is not empty (no-color.org). They only repeat what the words say. Mark text after wrapping it: a mark has no width.
 */
export function colours(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): Colours {
  if (stream.isTTY !== true || (env.NO_COLOR ?? "") !== "" || isDumb(env)) return noColours;
  const mark =
    (sgr: string) =>
    (text: string): string =>
      text === "" ? "" : `\u001b[${sgr}m${text}\u001b[0m`;
  return { good: mark("32"), warn: mark("33"), bad: mark("1;31"), dim: mark("2"), bold: mark("1") };
}
