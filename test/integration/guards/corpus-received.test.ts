import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { corpus, corpusSeed, everyNth, verdicts } from "./damage.js";
import { blindTo, gzip, original, passed, receiverGate } from "./gates.js";

// Each refusal is made durable with a dozen fsyncs: on a disk they are nearly all of the time.
if (existsSync("/dev/shm")) process.env.TMPDIR = "/dev/shm";

test(`every kind of damage to a database is refused before it is acknowledged (seed ${corpusSeed})`, {
  timeout: 600_000,
}, async () => {
  const good = await original();
  const { offer, store } = await receiverGate(good);
  // The gzip is whole and the manifest knows it: the checks behind them are what is asked here.
  const gate = (bytes: Buffer): Promise<string> => {
    const packed = gzip(bytes);
    return offer({ manifest: blindTo(good.manifest, packed), packed });
  };
  const { flips, truncations, zeroed, swapped } = corpus(good.database);

  const differs = { "digest-differs": expect.objectContaining({ count: 1_000 }) };
  expect(await verdicts(flips, gate)).toEqual(differs);
  for (const damaged of [zeroed, swapped])
    expect(Object.keys(await verdicts(everyNth(damaged, 4), gate))).toEqual(["digest-differs"]);
  expect(Object.keys(await verdicts(everyNth(truncations, 4), gate))).toEqual(["size-differs"]);
  expect(await store.list()).toEqual([]);
  expect(await offer(good)).toBe(passed);
});
