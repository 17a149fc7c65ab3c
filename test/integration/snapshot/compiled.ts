import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * The snapshot sources as JavaScript, in a directory of their own inside the repository, so that a child process
 * and its worker threads can run them as they are shipped. Never older than the sources, unlike dist/.
 */
export function compileSources(): { dir: string; remove(): void } {
  mkdirSync(join(root, "build"), { recursive: true });
  const dir = mkdtempSync(join(root, "build", "snapshot-"));
  for (const layer of ["platform", "role", "snapshot"]) {
    for (const name of readdirSync(join(root, "src", layer))) {
      if (!name.endsWith(".ts") || /^test-|\.test\.ts$/.test(name)) continue;
      const path = join(root, "src", layer, name);
      const options = {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
      };
      const { outputText } = ts.transpileModule(readFileSync(path, "utf8"), {
        compilerOptions: options,
        fileName: path,
      });
      const out = join(dir, layer, name.replace(/\.ts$/, ".js"));
      mkdirSync(dirname(out), { recursive: true });
      writeFileSync(out, outputText);
    }
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Runs a module's text in a Node process whose imports start at the compiled sources. */
export function runModule(dir: string, text: string, ...args: string[]): ChildProcess {
  const script = join(dir, `script-${Math.random().toString(36).slice(2)}.js`);
  writeFileSync(script, text);
  return spawn(process.execPath, [script, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 50_000,
  });
}

/** What a process wrote, parsed as JSON, when it ended with 0. */
export async function answerOf(child: ChildProcess): Promise<unknown> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`The process ended with ${String(code)}: ${text}`);
  return JSON.parse(text);
}
