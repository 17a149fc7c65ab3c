import { describe, expect, it } from "vitest";
import { Names } from "./names.js";
import { parseServer, sameServer, serverName } from "./server.js";

describe("Names", () => {
  const names = new Names({ db1: "db1.internal", "db2:3306": "10.0.0.2:13306", DB3: "db3.internal" });

  it.each([
    ["db1:3306", "db1.internal:3306"],
    ["db1:3307", "db1.internal:3307"],
    ["db2:3306", "10.0.0.2:13306"],
    ["db2:3307", "db2:3307"],
    ["db3:3306", "db3.internal:3306"],
    ["other:1", "other:1"],
  ])("calls %s %s", (from, to) => {
    const server = parseServer(from);
    if (!server) throw new Error(from);
    expect(serverName(names.toOrchestrator(server))).toBe(to);
  });
});

describe("parseServer", () => {
  it.each([
    ["db1:3306", { host: "db1", port: 3306 }],
    ["[2001:db8::1]:3306", { host: "2001:db8::1", port: 3306 }],
    ["2001:db8::1:3306", { host: "2001:db8::1", port: 3306 }],
  ])("reads %s", (text, server) => {
    expect(parseServer(text)).toEqual(server);
  });

  it.each(["", "db1", "db1:", "db1:0", "db1:65536", "a b:1", "'; DROP:1", "db1:33x"])(
    "refuses %s",
    (text) => {
      expect(parseServer(text)).toBeUndefined();
    },
  );

  it("compares names as DNS does", () => {
    expect(sameServer({ host: "DB1", port: 1 }, { host: "db1", port: 1 })).toBe(true);
  });
});
