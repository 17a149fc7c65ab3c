import { spawnSync } from "node:child_process";

const programs: ReadonlyArray<readonly [program: string, debianPackage: string]> = [
  ["ip", "iproute2"],
  ["ucarp", "ucarp"],
  ["sshd", "openssh-server"],
  ["ssh-keygen", "openssh-client"],
  ["nc", "netcat-openbsd"],
  ["setpriv", "util-linux"],
  ["mkfifo", "coreutils"],
  ["flock", "util-linux"],
  ["python3", "python3"],
];

/**
 * Why the hosts in network namespaces cannot be had here, with the command that would change it, or undefined if
 * they can.
 */
export function missingForHosts(): string | undefined {
  if (process.platform !== "linux") {
    return "network namespaces need Linux";
  }
  if (process.getuid?.() !== 0) {
    return "network namespaces need root: sudo npm test";
  }
  const missing = programs.filter(([program]) => !isInstalled(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(" ");
    return `${missing.map(([program]) => program).join(", ")} missing: apt-get install ${packages}`;
  }
  return refusedNamespace();
}

function isInstalled(program: string): boolean {
  return (
    spawnSync("/bin/sh", ["-c", `command -v ${program}`], { stdio: "ignore", env: { PATH: hostPath } })
      .status === 0
  );
}

/** Root in a container often may not make a namespace, a link or a mount. */
function refusedNamespace(): string | undefined {
  const name = `carphosts-${process.pid}-probe`;
  const made = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  const used =
    made.status === 0
      ? spawnSync(
          "ip",
          ["netns", "exec", name, "/bin/sh", "-c", "ip link add probe type bridge && mount --bind /mnt /mnt"],
          { encoding: "utf8" },
        )
      : made;
  spawnSync("ip", ["netns", "del", name], { stdio: "ignore" });
  if (used.status === 0) {
    return undefined;
  }
  const reason = used.stderr.trim().split("\n")[0] ?? "";
  return `network namespaces are not allowed here (${reason}): run in a virtual machine or with docker run --privileged`;
}

/** Debian's root has no sbin in its PATH everywhere. */
export const hostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
