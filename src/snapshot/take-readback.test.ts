import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type * as pack from "./pack.js";
import { refusalOf } from "./refusal.js";
import { openStore } from "./store.js";
import { takeSnapshot } from "./take.js";
import { fixture, scratch } from "./test-fixtures.js";

/** A disk that takes what is written and gives something else back, in the file named here. */
const disk = vi.hoisted(() => ({ loses: "" }));

vi.mock("./pack.js", async (importOriginal) => {
  const original = await importOriginal<typeof pack>();
  return {
    ...original,
    packInto: async (...args: Parameters<typeof pack.packInto>) => {
      const manifest = await original.packInto(...args);
      const file = join(args[0], disk.loses);
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(file, bytes);
      return manifest;
    },
  };
});

it.each([
  ["proxysql.db.gz", "digest-differs"],
  ["proxysql-key.pem", "tls-differs"],
])("admits no snapshot whose %s does not read back as it was written", async (name, cause) => {
  disk.loses = name;
  const [state, datadir] = [scratch(), scratch()];
  copyFileSync(fixture("2.7.1-shop"), join(datadir, "proxysql.db"));
  for (const part of ["key", "cert", "ca"]) writeFileSync(join(datadir, `proxysql-${part}.pem`), part);
  const store = openStore(state);

  const error: unknown = await takeSnapshot({
    via: null,
    datadir,
    staging: join(state, "staging"),
    store,
    lineage: { epoch: 1, sequence: 1, node: "a" },
    ancestry: [],
    proxysqlVersion: null,
  }).catch((thrown: unknown) => thrown);

  expect(refusalOf(error)).toMatchObject({ cause });
  expect(await store.list()).toEqual([]);
  expect(readdirSync(join(state, "outbox"))).toEqual([]);
});
