import { Argument } from "commander";
import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

const shells = ["sh", "zsh", "bash"] as const;

/** `completion`: the script is made from the very commands that are registered. */
export function registerCompletion({ program, finish }: Cli): void {
  withExamples(
    program
      .command("completion")
      .description("print a script by which a shell completes commands, flags and their values")
      .addArgument(new Argument("<shell>", "which shell").choices(shells))
      .action(async (shell: (typeof shells)[number]) =>
        finish((await import("./completion/print.js")).printCompletion(program, shell)),
      ),
    [
      [". <(proxysql-carp completion bash)", "in the bash that runs"],
      ["proxysql-carp completion bash > ~/.proxysql-carp.bash", "for a line of ~/.bashrc that reads it"],
      ["proxysql-carp completion zsh > ~/.zfunc/_proxysql-carp", "for zsh, with that directory in fpath"],
    ],
  );
}
