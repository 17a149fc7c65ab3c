import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareProbes } from "../../../src/peer/probe.js";
import { probeOver } from "../../../src/peer/probe-over.js";
import {
  builtIn,
  connect,
  errorOf,
  type Host,
  makeHost,
  serveCommand,
  serveMain,
  sessionTo,
  snapshotAt,
  soon,
  startFront,
} from "./harness.js";

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

/** A host whose boxes belong to the link's user, as rc.d makes them. */
function makeForeignHost(): Host {
  const host = makeHost("b");
  chmodSync(host.dir, 0o711);
  chmodSync(host.stateDir, 0o711);
  for (const name of ["inbox", "outbox", "quarantine"]) {
    mkdirSync(join(host.stateDir, name), { mode: 0o700 });
    chownSync(join(host.stateDir, name), uid, uid);
  }
  return host;
}

test.skipIf(missing())("the serving side needs no more than its own directories", async () => {
  const [a, b] = [makeHost("a"), makeForeignHost()];
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

test.skipIf(missing())("a probe needs the directory that the agent makes for it", async () => {
  const [a, b] = [makeHost("a"), makeForeignHost()];
  const front = await startFront(builtIn, b, a.clientKey, [...asUser, ...serveCommand(b)]);
  const session = await sessionTo(a, b, front);
  const { stored, manifest } = await snapshotAt(a, {});
  const probe = () => probeOver(session, stored.dir, manifest, { answerMs: soon, verdictMs: soon });

  const error = await errorOf(probe());
  expect(error).toMatchObject({ code: "peer-refused", fields: { cause: "failed" } });
  expect(String(error)).toContain(
    `There is no directory ${b.stateDir}/probe, and user id ${uid} may not make it.`,
  );

  await prepareProbes(b.stateDir);
  expect((await probe()).bytes).toBeGreaterThan(0);
  const { uid: owner, mode } = statSync(join(b.stateDir, "probe"));
  expect([owner, mode & 0o777]).toEqual([uid, 0o700]);
});
