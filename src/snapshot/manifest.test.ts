import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFrameParser, encodeFrame } from "../peer/protocol.js";
import { type Manifest, manifestSchema } from "./manifest.js";
import { isTooLarge, parseManifest } from "./manifest-file.js";
import { sealed, sealOf } from "./seal.js";
import { fixture, manifestFor } from "./test-fixtures.js";

const lineage = { epoch: 3, sequence: 7, node: "a" };
const good = manifestFor(fixture("2.7.1-shop"), lineage);

/** As it comes over the link: through JSON. */
function received(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function verdict(value: unknown): string {
  const parsed = parseManifest(value);
  return "manifest" in parsed ? "taken" : parsed.refusal.cause;
}

describe("parseManifest", () => {
  it("takes what a later version adds, and gives it on", async () => {
    const later = received({ ...(await good), more: { of: ["it"] }, seal: undefined }) as Manifest;
    const whole = sealed(later);

    expect(parseManifest(received(whole))).toEqual({ manifest: whole });
    expect(verdict(received({ ...whole, more: { of: ["that"] } }))).toBe("manifest-invalid");
  });

  it("does not depend on the order of keys or on blanks", async () => {
    const manifest = await good;
    const turned = Object.fromEntries(Object.entries(manifest).reverse());

    expect(verdict(JSON.parse(JSON.stringify(turned, null, 7)))).toBe("taken");
    expect(sealOf(turned)).toBe(manifest.seal);
  });

  it.each([
    [
      "a size beyond all disks",
      { database: { size: 2 ** 53, sha256: "0".repeat(64), pages: 1, pageSize: 1 } },
    ],
    ["a size below nothing", { database: { size: -1, sha256: "0".repeat(64), pages: 1, pageSize: 1 } }],
    ["a fraction", { database: { size: 1.5, sha256: "0".repeat(64), pages: 1, pageSize: 1 } }],
    ["an epoch that does not sort", { lineage: { ...lineage, epoch: 1e10 } }],
    ["a node that is a path", { lineage: { ...lineage, node: "../../etc" } }],
    [
      "a node in the ancestry that is a text",
      { ancestry: [{ epoch: 1, node: "x".repeat(1e5), base: null, baseContent: null }] },
    ],
    [
      "a name of a file that is a path",
      { tls: [{ name: "../../../etc/passwd", size: 1, sha256: "0".repeat(64) }] },
    ],
    ["a TLS file of gigabytes", { tls: [{ name: "proxysql-key.pem", size: 1e9, sha256: "0".repeat(64) }] }],
    [
      "more TLS files than there are",
      {
        tls: Array.from({ length: 4 }, () => ({ name: "proxysql-key.pem", size: 1, sha256: "0".repeat(64) })),
      },
    ],
    ["a version that is a novel", { proxysqlVersion: "x".repeat(1e5) }],
    ["another id", { id: "0000000003-0000000008-a" }],
    ["an id that is a path", { id: "../0000000003-0000000007-a" }],
  ])("refuses %s, although its seal is right", async (_, change) => {
    const manifest = sealed({ ...(await good), ...(change as Partial<Manifest>) });

    expect(verdict(received(manifest))).toBe("manifest-invalid");
  });

  it("is not led astray by what objects inherit", async () => {
    const manifest = await good;
    const text = JSON.stringify(manifest);
    const inherited = JSON.parse(`{"__proto__":${text}}`) as unknown;
    const more = JSON.parse(text.replace("{", '{"__proto__":{"id":"x"},"constructor":1,')) as object;

    expect(verdict(inherited)).toBe("manifest-invalid");
    expect(verdict(more)).toBe("manifest-invalid");
    expect(verdict({ ...more, seal: sealOf(more) })).toBe("taken");
    expect(({} as Record<string, unknown>).id).toBeUndefined();
  });

  it("is quick with ten thousand tables, and says that they are too many to be sent", async () => {
    const entry = { rows: 1, content: "0".repeat(64), definition: "0".repeat(64) };
    const tables = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`table_${n}`, entry]));
    const manifest = sealed({ ...(await good), tables });
    const began = performance.now();

    expect(verdict(received(manifest))).toBe("taken");
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(isTooLarge(manifest)).toBe(true);
    expect(isTooLarge(await good)).toBe(false);
  });

  it("is not exhausted by what is nested without an end, and tells no long story", async () => {
    const nested = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`) as unknown;
    const wrong = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, n) => [`\u001b[31m${n}`, "x".repeat(50)]),
    );

    for (const value of [nested, { ...(await good), nested }, { ...(await good), tables: wrong }]) {
      const parsed = parseManifest(value);
      expect(parsed).toMatchObject({ refusal: { cause: "manifest-invalid" } });
      expect(JSON.stringify(parsed).length).toBeLessThan(2_000);
    }
  });

  it("gives a manifest or a refusal for every value there is", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(verdict(received(value))).toBe("manifest-invalid");
      }),
      { numRuns: 300 },
    );
  });

  it("takes no manifest with anything in it replaced, and none it takes breaks its own form", async () => {
    const manifest = await good;
    const keys = Object.keys(manifest);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...keys),
        fc.jsonValue({ maxDepth: 3 }),
        fc.boolean(),
        async (key, value, reseal) => {
          const changed = received({ ...manifest, [key]: value }) as Manifest;
          const use = reseal ? sealed(changed) : changed;
          const parsed = parseManifest(use);
          if ("refusal" in parsed) {
            expect(parsed.refusal.cause).toBe("manifest-invalid");
            return;
          }
          expect(reseal || JSON.stringify(value) === JSON.stringify(manifest[key as keyof Manifest])).toBe(
            true,
          );
          expect(manifestSchema.safeParse(parsed.manifest).success).toBe(true);
          expect(parsed.manifest.id).toBe(manifest.id);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("comes through the link's frames as it was, however they are cut", async () => {
    const manifest = await good;
    const frame = encodeFrame({ id: 1, op: "offer" }, Buffer.from(JSON.stringify(manifest)));
    fc.assert(
      fc.property(fc.array(fc.nat(frame.length), { maxLength: 20 }), (cuts) => {
        const parser = createFrameParser();
        const places = [0, ...cuts.sort((x, y) => x - y), frame.length];
        const frames = places.slice(1).flatMap((end, n) => parser.push(frame.subarray(places[n] ?? 0, end)));
        expect(frames).toHaveLength(1);
        expect(verdict(JSON.parse(String(frames[0]?.body)))).toBe("taken");
      }),
      { numRuns: 100 },
    );
  });
});
