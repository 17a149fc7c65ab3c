import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What the shell in the terminal asks with. */
export const prompt = "ready$";

/** False where there is no tmux to look at a terminal with. */
export const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

/** A shell in a real terminal, as an operator has it: a window of a tmux server of its own. */
export class Terminal {
  readonly #dir: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(dir: string, env: NodeJS.ProcessEnv) {
    this.#dir = dir;
    this.#env = env;
  }

  /** `env`: what the shell starts with. All that is written to the terminal is recorded. */
  static async open(env: NodeJS.ProcessEnv, columns = 80, rows = 24): Promise<Terminal> {
    const dir = mkdtempSync(join(tmpdir(), "tmux-"));
    const { TMUX: _, NO_COLOR: __, ...clean } = env;
    const terminal = new Terminal(dir, { ...clean, TMUX_TMPDIR: dir, ENV: "" });
    const size = ["-x", String(columns), "-y", String(rows)];
    // Quiet: nothing of the user's own tmux, no status line that takes the last of the lines.
    const quiet = ["set", "-g", "status", "off", ";", "set", "-g", "default-terminal", "screen", ";"];
    await terminal.#tmux(
      "-f",
      "/dev/null",
      "start-server",
      ";",
      ...quiet,
      "new-session",
      "-d",
      ...size,
      "sh",
    );
    await terminal.#tmux("pipe-pane", `cat >'${terminal.#record}'`);
    // As root a shell has its own whatever the environment says.
    await terminal.type(`PS1='${prompt} '`);
    return terminal;
  }

  /** Types a line and Enter. */
  async type(line: string): Promise<void> {
    if (line !== "") await this.#tmux("send-keys", "-l", line);
    await this.press("Enter");
  }

  /** Keys by tmux' names, such as `C-c`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  /** The lines that are to be seen, from the first to the last that is not empty. */
  async lines(): Promise<string[]> {
    return (await this.#tmux("capture-pane", "-p")).trimEnd().split("\n");
  }

  /** Lines that the terminal itself has broken, for they were longer than it is wide, joined again. */
  async wrapped(): Promise<string[]> {
    const joined = (await this.#tmux("capture-pane", "-p", "-J")).split("\n").map((line) => line.trimEnd());
    const apart = new Set(await this.lines());
    return joined.filter((line) => line !== "" && !apart.has(line));
  }

  async isCursorShown(): Promise<boolean> {
    return (await this.#tmux("display-message", "-p", "#{cursor_flag}")).trim() === "1";
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** Every byte that came from the terminal's programs so far. */
  recorded(): string {
    return existsSync(this.#record) ? readFileSync(this.#record, "latin1") : "";
  }

  async close(): Promise<void> {
    await this.#tmux("kill-server");
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #record(): string {
    return join(this.#dir, "record");
  }

  async #tmux(...args: string[]): Promise<string> {
    const { stdout } = await run("tmux", args, { env: this.#env, timeout: 20_000 });
    return stdout;
  }
}
