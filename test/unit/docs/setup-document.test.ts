import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { setup } from "../../../src/commands/setup.js";
import { code, section, tableRows } from "./markdown.js";

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "setup-document-"));
  mkdirSync(join(root, "usr/local/libexec"), { recursive: true });
  // In the way, so that something is refused.
  writeFileSync(join(root, "usr/local/libexec/proxysql-carp-notify"), "somebody else's\n");
  writeFileSync(join(root, "admin.password"), "s3cret\n", { mode: 0o600 });
});

afterAll(() => rmSync(root, { recursive: true }));

function fieldsOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => (isObject(one) ? fieldsOf(one, `${path}[]`) : []));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, below]) => {
    const here = path === "" ? key : `${path}.${key}`;
    return [here, ...fieldsOf(below, here)];
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

describe("docs/json.md", () => {
  it("describes every field of setup's document, and none that it does not have", async () => {
    let text = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((part) => {
      text += String(part);
      return true;
    });
    try {
      await setup("/usr/local/etc/proxysql-carp.toml", {
        ...{ dryRun: true, yes: true, json: true, root, node: "a", vhid: ["9@em0"], peer: "b" },
        ...{ peerHost: "192.0.2.12", adminPasswordFile: "/admin.password" },
        hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw",
      });
    } finally {
      write.mockRestore();
    }
    expect(text).not.toContain("s3cret");
    const fields = new Set(fieldsOf(JSON.parse(text)).filter((path) => !path.startsWith("found.carp[]")));
    const rows = tableRows(section(readFileSync("docs/json.md", "utf8"), "proxysql-carp/setup/v1"));
    expect(rows.map(({ cells }) => code(cells[0])).sort()).toEqual([...fields].sort());
  });
});
