import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { builtIn, connect, makeHost, serveCommand, serveMain, snapshotAt, startFront } from "./harness.js";

/** No one in particular: owns nothing else on this machine. */
const uid = 64_321;
const asUser = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];

function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "only root can run the serving side as another user: sudo npm test";
  const [program = "", ...args] = [...asUser, "test", "-r", serveMain];
  return spawnSync(program, args).status === 0
    ? undefined
    : "setpriv is missing, or this checkout is not readable to others";
}

test.skipIf(missing())("the serving side needs no more than its own directories", async () => {
  const [a, b] = [makeHost("a"), makeHost("b")];
  chmodSync(b.dir, 0o711);
  chmodSync(b.stateDir, 0o711);
  for (const name of ["inbox", "outbox", "quarantine"]) {
    mkdirSync(join(b.stateDir, name), { mode: 0o700 });
    chownSync(join(b.stateDir, name), uid, uid);
  }
  const link = await connect(
    a,
    b,
    await startFront(builtIn, b, a.clientKey, [...asUser, ...serveCommand(b)]),
  );
  const shot = await snapshotAt(a, {});

  expect(await link.put(shot.stored.dir, shot.manifest)).toBe("stored");
  const received = statSync(join(b.stateDir, "inbox", shot.manifest.id));
  expect([received.uid, received.mode & 0o777]).toEqual([uid, 0o700]);
  expect(await link.status()).toMatchObject({ node: "b", latest: shot.manifest.lineage });
});
