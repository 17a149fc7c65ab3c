import { Argument } from "commander";
import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** The resident process, and what others than people call: `agent`, `notify`, `serve`. */
export function registerAgent({ program, configFile, finish }: Cli): void {
  withExamples(
    program
      .command("agent")
      .description("run the resident process in the foreground")
      .action(async () => finish((await import("../commands/agent.js")).runAgent(await configFile()))),
    [
      ["service proxysql_carp start", "as a service, which starts it again if it ends"],
      ["proxysql-carp --config /tmp/try.toml agent", "in the foreground, with another configuration"],
    ],
  );

  withExamples(
    program
      .command("notify")
      .description("give a CARP event to the agent, or leave it in the spool")
      .addArgument(new Argument("<type>", "what the role is now").choices(["MASTER", "BACKUP", "INIT"]))
      .argument("<subsystem>", "vhid@interface, such as 9@em0")
      .action(async (type: string, subsystem: string) =>
        finish((await import("../commands/notify.js")).notify(await configFile(), type, subsystem)),
      ),
    [["proxysql-carp notify MASTER 9@em0", "make the agent look at ifconfig now"]],
  );

  withExamples(
    program
      .command("serve")
      .description("the forced command of the peer's key: speaks the link's protocol on stdin and stdout")
      .action(async () => finish((await import("../commands/serve.js")).serveLink(await configFile()))),
    [
      [
        'command="/usr/local/bin/node /usr/local/libexec/proxysql-carp/dist/cli.js serve",restrict ssh-ed25519 AAAA...',
        "the peer's line in authorized_keys; not for use by hand",
      ],
    ],
  );
}
