import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../support/pair/node.js";

const dir = mkdtempSync(join(tmpdir(), "disk-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a command in a mount namespace of its own, where a small file system can be mounted. */
function inNamespace(...command: string[]): { ok: boolean; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync("unshare", ["-Urm", ...command], { encoding: "utf8" });
  return { ok: status === 0, stdout, stderr };
}

const canMount = inNamespace("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", dir).ok;
const reason = canMount ? "" : " (skipped: no file system can be mounted here)";

/** Fills a file system of 200 MiB to what is to be left, step by step, and tells at each what is thought of it. */
const script = `
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { HostLook } from ${JSON.stringify(join(root, "dist/agent/host-look.js"))};
import { Lasting } from ${JSON.stringify(join(root, "dist/health/lasting.js"))};
const dir = ${JSON.stringify(dir)};
const lasting = new Lasting();
for (const leftMiB of [150, 66, 63, 10, 66, 75, 90, 66]) {
  rmSync(dir + "/filling", { force: true });
  const { bavail, bsize } = statfsSync(dir);
  writeFileSync(dir + "/filling", Buffer.alloc(bavail * bsize - leftMiB * 1024 * 1024));
  const look = new HostLook([], [dir, dir], "/nowhere");
  await look.look(lasting);
  console.log(leftMiB, look.disks.length, look.disks[0].low);
}
`;

describe.skipIf(!canMount)(`a disk that fills up${reason}`, () => {
  it("is nearly full below 64 MiB, until there is a quarter more than that", () => {
    const mount = `mount -t tmpfs -o size=200m tmpfs ${dir} && exec ${process.execPath} --input-type=module -e "$1"`;
    const { stdout, stderr } = inNamespace("sh", "-c", mount, "sh", script);

    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual([
      "150 1 false",
      "66 1 false",
      "63 1 true",
      "10 1 true",
      "66 1 true",
      "75 1 true",
      "90 1 false",
      "66 1 false",
    ]);
  });
});
