import fc from "fast-check";
import { expect, test } from "vitest";
import type { Manifest } from "../snapshot/manifest.js";
import { fileLimit, fileListOf, transferNames } from "./files-of.js";

const digest = "0".repeat(64);
const names = ["proxysql-key.pem", "proxysql-cert.pem", "proxysql-ca.pem"] as const;
const plain = { tls: [] } as unknown as Manifest;
const withTls = { tls: names.map((name) => ({ name, size: 1, sha256: digest })) } as unknown as Manifest;

test("exactly the manifest's files are taken", () => {
  const files = transferNames(withTls).map((name) => ({ name, size: 10 }));

  expect(fileListOf(files, withTls)).toEqual(files);
  expect(fileListOf(files, plain)).toBeUndefined();
  expect(fileListOf(files.slice(1), withTls)).toBeUndefined();
  expect(fileListOf([...files, files[0]], withTls)).toBeUndefined();
});

test.each([
  ["no list", "proxysql.db.gz"],
  ["a path", [{ name: "../proxysql.db.gz", size: 1 }]],
  ["a size that is none", [{ name: "proxysql.db.gz", size: -1 }]],
  ["a size beyond the limit", [{ name: "proxysql.db.gz", size: fileLimit + 1 }]],
  ["an entry that is none", [{ name: "proxysql.db.gz", size: 1 }, null]],
])("%s is refused", (_, value) => {
  expect(fileListOf(value, plain)).toBeUndefined();
});

test("no other name ever comes through", () => {
  const entry = fc.record({
    name: fc.oneof(fc.string(), fc.constantFrom("..", "/etc/passwd", "manifest.json", ...names)),
    size: fc.nat(),
  });
  const property = fc.property(fc.array(fc.oneof(entry, fc.anything())), (value) => {
    const files = fileListOf(value, withTls) ?? [];

    for (const { name } of files) expect(transferNames(withTls)).toContain(name);
  });
  fc.assert(property);
});
