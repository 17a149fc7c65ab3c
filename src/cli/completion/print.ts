import type { Command } from "commander";
import { bashScript } from "./bash.js";
import { shScript } from "./sh.js";
import { completionTree } from "./tree.js";
import { zshScript } from "./zsh.js";

/** `completion SHELL`: prints the script for a shell. */
export async function printCompletion(program: Command, shell: "sh" | "zsh" | "bash"): Promise<number> {
  process.stdout.write(scriptFor(shell, program));
  return 0;
}

/** The script by which a shell completes the commands of `program`. */
export function scriptFor(shell: "sh" | "zsh" | "bash", program: Command): string {
  if (shell === "sh") return shScript;
  const tree = completionTree(program);
  return shell === "bash" ? bashScript(tree) : zshScript(tree);
}
