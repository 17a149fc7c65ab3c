import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fixture, scratch } from "../snapshot/test-fixtures.js";
import { changeMark } from "./change-watch.js";

it.each(["link", "fifo", "directory"])("does not follow or wait for what is no file: %s", (kind) => {
  const datadir = scratch();
  const database = join(datadir, "proxysql.db");
  if (kind === "link") symlinkSync(fixture("2.7.1-shop"), database);
  else if (kind === "fifo") execFileSync("mkfifo", [database]);
  else mkdirSync(database);

  expect(changeMark(datadir)).toMatch(/^no-file /);
});

it("reads the change counter of a database", () => {
  const datadir = scratch();
  expect(changeMark(datadir)).toMatch(/^absent /);
  copyFileSync(fixture("2.7.1-shop"), join(datadir, "proxysql.db"));
  expect(changeMark(datadir)).toMatch(/^\d+:\d+ /);
});
