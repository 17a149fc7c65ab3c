import { type PageSize, usualSize } from "./page.js";

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";
const home = "\u001b[H";
const clear = `${home}\u001b[2J`;
const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";

/** A line for the watch's own words, and one for the cursor: a page that fills the terminal would scroll it. */
const ownLines = 2;
const leastSize: PageSize = { width: 20, height: 5 };

type Dimensions = Pick<NodeJS.WriteStream, "columns" | "rows">;

/** The room for a page that is printed and left to scroll. A serial console tells no width, or 0: it has 80 columns. */
export function printedSizeOf({ columns }: Pick<Dimensions, "columns">): PageSize {
  return { ...usualSize, width: Math.max(leastSize.width, Math.min(usualSize.width, (columns || 80) - 1)) };
}

/** The room for a page that stays in its place; without a known height 24 lines. */
export function drawnSizeOf({ columns, rows }: Dimensions): PageSize {
  return { ...printedSizeOf({ columns }), height: Math.max(leastSize.height, (rows || 24) - ownLines) };
}

/**
 * Draws one page over the other, with what a VT100 knows and nothing else: each page is one write that overwrites the
 * lines before it erases what was longer, so that nothing flickers. The cursor is hidden, and shown again at the end, while
 * the process is stopped (Ctrl-Z), and whatever else ends the process.
 */
export class TerminalScreen {
  readonly #out: NodeJS.WriteStream;
  readonly #onChange: () => void;
  #isOpen = true;

  /** `onChange`: the size changed or the process goes on after a stop; the page is to be drawn again. */
  constructor(out: NodeJS.WriteStream, onChange: () => void) {
    this.#out = out;
    this.#onChange = onChange;
    out.write(hideCursor + clear);
    out.on("resize", this.#startOver);
    process.on("SIGTSTP", this.#stop);
    process.on("SIGCONT", this.#startOver);
    process.once("exit", this.#restore);
  }

  /** Draws lines, each no wider than the terminal and no more than it has. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    this.#out.write(home + lines.map((line) => `${line}${clearLine}\n`).join("") + clearBelow);
  }

  /** Leaves the page where it is, and the cursor below it. `gone`: there is no terminal any more to write to. */
  close(gone = false): void {
    this.#out.removeListener("resize", this.#startOver);
    process.removeListener("SIGTSTP", this.#stop);
    process.removeListener("SIGCONT", this.#startOver);
    process.removeListener("exit", this.#restore);
    if (gone) this.#isOpen = false;
    this.#restore();
  }

  /** The terminal has written its `^C` where the cursor is. */
  readonly #restore = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#out.write(`\r${clearLine}${showCursor}`);
  };

  readonly #stop = (): void => {
    this.#out.write(`\r${clearLine}${showCursor}`);
    process.kill(process.pid, "SIGSTOP");
  };

  readonly #startOver = (): void => {
    if (!this.#isOpen) return;
    this.#out.write(hideCursor + clear);
    this.#onChange();
  };
}
