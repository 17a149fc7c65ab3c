import { monotonic, sleep, wallClock } from "../platform/clock.js";
import { type Colours, colours, isDumb } from "./colour.js";
import type { PageSize } from "./page.js";
import { printAll } from "./print-all.js";
import { drawnSizeOf, printedSizeOf, TerminalScreen } from "./terminal-screen.js";

/** What was found at one look. */
export interface Look {
  readonly document: object;
  /** The same for people; ends with a newline. */
  readonly page: (size: PageSize, colours: Colours) => string;
}

const everyMs = 1_000;
const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Looks every second and shows what it found, until a signal ends it: on a terminal each page in the place of the one
 * before, elsewhere and on a dumb terminal one below the other, as JSON one document a line. Ctrl-C is how one leaves:
 * exit code 0.
 */
export async function watch(
  out: NodeJS.WriteStream,
  look: () => Promise<Look>,
  json: boolean,
): Promise<number> {
  const ended = new AbortController();
  const end = (signal: NodeJS.Signals): void => ended.abort(signal);
  for (const signal of endings) process.on(signal, end);
  const shower = json ? documents() : out.isTTY && !isDumb() ? screen(out) : blocks(out);
  try {
    await showAgainAndAgain(look, shower, ended.signal);
  } finally {
    shower.close(ended.signal.reason === "SIGHUP");
    for (const signal of endings) process.removeListener(signal, end);
    // A look that is under way would keep the one who pressed Ctrl-C waiting.
    setTimeout(() => process.exit(), 50).unref();
  }
  return 0;
}

interface Shower {
  show(look: Look): Promise<void>;
  /** `gone`: the terminal is. */
  close(gone: boolean): void;
}

async function showAgainAndAgain(
  look: () => Promise<Look>,
  shower: Shower,
  signal: AbortSignal,
): Promise<void> {
  const end = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  while (!signal.aborted) {
    const began = monotonic();
    const found = await Promise.race([look(), end]);
    if (found === undefined || signal.aborted) return;
    await Promise.race([shower.show(found), end]);
    await sleep(Math.max(0, everyMs - (monotonic() - began)), signal);
  }
}

function documents(): Shower {
  return {
    show: ({ document }) => printAll([`${JSON.stringify(document)}\n`]),
    close: () => undefined,
  };
}

/** For a pipe, a file, or a terminal that knows nothing but lines. */
function blocks(out: NodeJS.WriteStream): Shower {
  return {
    show: ({ page }) => printAll([`${now()}\n${page(printedSizeOf(out), colours(out))}\n`]),
    close: () => undefined,
  };
}

function screen(out: NodeJS.WriteStream): Shower {
  let last: { look: Look; at: string } | undefined;
  const marks = colours(out);
  const draw = (): void => {
    if (last === undefined) return;
    const { look, at } = last;
    const size = drawnSizeOf(out);
    const lines = look.page(size, marks).trimEnd().split("\n");
    const footer = `${at}, every second; Ctrl-C ends it`;
    terminal.draw([...lines, marks.dim(footer.slice(0, size.width))]);
  };
  const terminal = new TerminalScreen(out, draw);
  return {
    show: async (look) => {
      last = { look, at: now() };
      draw();
    },
    close: (gone) => terminal.close(gone),
  };
}

function now(): string {
  return new Date(wallClock()).toISOString();
}
