import { spawnSync } from "node:child_process";

/** What an action gets from devd as rc(8) starts it; nothing else of the environment arrives. */
export const devdEnvironment = { HOME: "/", PATH: "/sbin:/bin:/usr/sbin:/usr/bin" };

const candidates = [["/bin/sh"], ["busybox", "sh"], ["mksh"], ["bash", "--posix"]];

/**
 * A shell that knows `$'...'`, in which devd quotes every variable. FreeBSD's /bin/sh does, Debian's dash does
 * not, so where /bin/sh is dash another one stands in for it. (The hook itself starts by its own `#!/bin/sh` and
 * stays plain POSIX.)
 *
 * @throws if the machine has none
 */
export function findShell(): readonly string[] {
  for (const shell of candidates) {
    const [program = "", ...options] = shell;
    const probe = spawnSync(program, [...options, "-c", "printf %s $'a\\'b'"], {
      encoding: "utf8",
      env: devdEnvironment,
    });
    if (probe.stdout === "a'b") {
      return shell;
    }
  }
  throw new Error("no shell here knows $'...' as FreeBSD's /bin/sh does: install bash, busybox or mksh");
}

/** How one action went. A status other than 0 means nothing to devd. */
export type ActionResult = { readonly command: string; readonly ms: number; readonly status: number | null };

/**
 * Runs an action as devd's my_system(): `/bin/sh -c`, cwd /, standard descriptors on /dev/null, SIGPIPE ignored, and
 * waits for it without limit while nothing else happens.
 */
export function runAction(shell: readonly string[], command: string): ActionResult {
  const started = performance.now();
  // Node gives its children the default SIGPIPE; devd's inherit an ignored one.
  const ignoring = ["-c", 'trap "" PIPE; exec "$@"', "devd", ...shell, "-c", command];
  const child = spawnSync("/bin/sh", ignoring, { cwd: "/", stdio: "ignore", env: devdEnvironment });
  return { command, ms: Number((performance.now() - started).toFixed(2)), status: child.status };
}
