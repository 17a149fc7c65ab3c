import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Journal } from "./journal.js";
import { Totals } from "./totals.js";

it("counts what happens from now on, and each thing once", () => {
  const dir = mkdtempSync(join(tmpdir(), "totals-"));
  const journal = Journal.open(join(dir, "journal.db"), () => undefined);
  journal.addNote("divergence", {});
  journal.addStep(null, { step: "start", outcome: "failed", ms: 1 });
  const totals = new Totals(journal);
  const before = totals.read();
  journal.beginTransition("BACKUP", "MASTER", "timer");
  journal.addStep(null, { step: "start", outcome: "failed", ms: 1 });
  journal.addStep(null, { step: "start", outcome: "failed", ms: 1 });
  journal.addSnapshot({ snapshot: "s", event: "taken" });
  journal.addNote("divergence", {});
  const first = totals.read();
  const second = totals.read();
  journal.addStep(null, { step: "start", outcome: "done", ms: 1 });
  const third = totals.read();
  journal.close();
  rmSync(dir, { recursive: true });

  expect(before.steps).toEqual({ done: 0, failed: 0, abandoned: 0 });
  expect(before.notes).toEqual({});
  expect(first.transitions).toEqual({ MASTER: 1, BACKUP: 0, INIT: 0, unknown: 0 });
  expect(first.steps).toEqual({ done: 0, failed: 2, abandoned: 0 });
  expect(first.snapshots.taken).toBe(1);
  expect(first.notes).toEqual({ divergence: 1 });
  expect(second).toEqual(first);
  expect(third.steps).toEqual({ done: 1, failed: 2, abandoned: 0 });
});
