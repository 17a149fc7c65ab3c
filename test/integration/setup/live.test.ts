import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hostPath } from "../../support/host/requirements.js";
import { known, program, proxysqlConfig } from "./harness.js";

const project = join(import.meta.dirname, "../../..");

/** pw(8) as far as setup calls it. */
const pw = `
case $1 in
useradd) echo "$2:*:61001:61001:$4:$6:$8" >>/etc/passwd; echo "$2:*:61001:" >>/etc/group ;;
userdel) sed -i "/^$2:/d" /etc/passwd /etc/group ;;
*) exit 64 ;;
esac`;
/** sysrc(8) on /etc/rc.conf. */
const sysrc = `
case $1 in
-n) grep -q "^$2=" /etc/rc.conf || exit 1; sed -n "s/^$2=\\"\\(.*\\)\\"$/\\1/p" /etc/rc.conf ;;
-x) sed -i "/^$2=/d" /etc/rc.conf ;;
*=*) echo "\${1%%=*}=\\"\${1#*=}\\"" >>/etc/rc.conf ;;
esac`;

const probe = `mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/m && mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m`;
const why =
  process.platform !== "linux" || process.getuid?.() !== 0
    ? "mount namespaces need Linux and root"
    : spawnSync("unshare", ["-m", "sh", "-c", probe]).status === 0
      ? undefined
      : "no overlay over / can be mounted here";

describe.skipIf(why !== undefined)(
  `setup on the host itself${why === undefined ? "" : ` (skipped: ${why})`}`,
  () => {
    it("makes the link's user, names the programs that run now, enables the service, and takes all of it back", () => {
      const dir = mkdtempSync(join(tmpdir(), "setup-live-"));
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
      for (const name of ["bin", "base"]) mkdirSync(join(dir, name));
      const programs = {
        pw,
        sysrc,
        ifconfig: "printf 'em0: flags=8<UP>\\n\\tcarp: BACKUP vhid 9 advbase 1 advskew 100\\n'",
      };
      for (const [name, body] of Object.entries(programs)) {
        writeFileSync(join(dir, "bin", name), `#!/bin/sh\n${body}\n`);
        chmodSync(join(dir, "bin", name), 0o755);
      }
      writeFileSync(join(dir, "bin", "proxysql.cfg"), proxysqlConfig("pw"), { mode: 0o600 });
      const args = [...known, "--enable", "--proxysql-config", join(dir, "bin", "proxysql.cfg")];
      const { status, stdout, stderr } = spawnSync(
        "unshare",
        [
          "-m",
          "sh",
          join(import.meta.dirname, "live.sh"),
          join(dir, "base"),
          process.execPath,
          program,
          ...args,
        ],
        {
          encoding: "utf8",
          env: { PATH: `${dir}/bin:${hostPath}`, LIVE_PROJECT: project, LIVE_BIN: join(dir, "bin") },
        },
      );
      expect({ status, stderr, end: stdout.slice(-400) }).toMatchObject({ status: 0, stderr: "" });
      const parts = Object.fromEntries(
        stdout.split(/^--- /m).map((part) => [part.split("\n")[0] ?? "", part.slice(part.indexOf("\n") + 1)]),
      );
      expect(stdout).toContain("make        user         proxysql-carp\n");
      expect(parts.config).toMatch(/\n640 root:proxysql-carp\n$/);
      expect(parts["rc.conf.d"]).toContain(
        `proxysql_carp_node="${process.execPath}"\nproxysql_carp_program="${program}"\n`,
      );
      expect(parts["rc.conf.d"]).toMatch(/proxysql_carp_enable="YES"\n$/);
      expect(parts.periodic).toContain(`: "\${daily_proxysql_carp_program:=${program}}"`);
      expect(stdout).toContain(
        `command="${process.execPath} ${program} --config /usr/local/etc/proxysql-carp.toml serve",restrict `,
      );
      expect(parts.user).toBe("proxysql-carp:*:61001:61001:peer link:/var/empty:/bin/sh\n");
      expect(parts.again).toContain("Nothing to do");
      expect(parts.running).toContain("The agent runs, and could not be stopped any more");
      expect(parts.running).not.toContain("removed all the same");
      expect(parts.trace).toBe("");
    });
  },
);
