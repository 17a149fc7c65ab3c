import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DivergenceDocument, writeDivergence } from "./divergence-file.js";

const at = (second: number): string => new Date(second * 1_000).toISOString();

function document(second: number): DivergenceDocument {
  return { schema: "proxysql-carp/divergence/v1", at: at(second), node: "a" } as DivergenceDocument;
}

describe("writeDivergence", () => {
  let dir: string;
  let reports: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "divergence-"));
    reports = join(dir, "divergence");
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  it("names a report by its time, for its owner's eyes alone", async () => {
    const path = await writeDivergence(reports, document(1));

    expect(path).toBe(join(reports, "1970-01-01T00:00:01.000Z.json"));
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(document(1));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(reports).mode & 0o777).toBe(0o700);
  });

  it("keeps the last twenty", async () => {
    for (let second = 1; second <= 23; second += 1) await writeDivergence(reports, document(second));

    expect(readdirSync(reports).sort()).toEqual(
      Array.from({ length: 20 }, (_, index) => `${at(index + 4)}.json`),
    );
  });

  it("keeps two of one moment, the later one longer", async () => {
    await writeDivergence(reports, document(1));
    expect(await writeDivergence(reports, document(1))).toMatch(/000Z_1\.json$/);
    for (let second = 2; second <= 20; second += 1) await writeDivergence(reports, document(second));

    expect(readdirSync(reports).filter((name) => name.startsWith(at(1)))).toEqual([`${at(1)}_1.json`]);
  });

  it("removes what a power cut left of one", async () => {
    await writeDivergence(reports, document(1));
    writeFileSync(join(reports, `.${at(2)}.json.99.tmp`), "{");
    await writeDivergence(reports, document(3));

    expect(readdirSync(reports)).toEqual([`${at(1)}.json`, `${at(3)}.json`]);
  });
});
