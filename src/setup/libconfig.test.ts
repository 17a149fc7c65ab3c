import { describe, expect, it } from "vitest";
import { parseLibconfig } from "./libconfig.js";

describe("parseLibconfig", () => {
  it("reads what proxysql.cfg is made of", () => {
    const text = `
# a comment
datadir="/var/db/proxysql" // and another
admin_variables : {
  admin_credentials = "admin:a\\"b\\\\c" ":d\\x41" /* joined */;
  refresh_interval=2000, stats = TRUE
  big = 0x1FL
}
mysql_servers = ( { address="127.0.0.1", port=3306 }, { address="b" , } )
hosts = [ "a", "b" ]
none = ()
@include "more.cfg"
`;
    expect(parseLibconfig(text)).toEqual({
      datadir: "/var/db/proxysql",
      admin_variables: {
        admin_credentials: 'admin:a"b\\c:dA',
        refresh_interval: 2000,
        stats: true,
        big: 31,
      },
      mysql_servers: [{ address: "127.0.0.1", port: 3306 }, { address: "b" }],
      hosts: ["a", "b"],
      none: [],
    });
  });

  it("has no names but those in the file", () => {
    expect(parseLibconfig("a = 1").constructor).toBeUndefined();
  });

  it.each([
    ["a group without an end", "a = {\nb = 1", "line 2"],
    ["a string without an end", 'a = 1\nb = "secret', "line 2"],
    ["no value", "a =", "line 1"],
    ["no sign", "a 1", "line 1"],
    ["a list without commas", "a = ( 1 2 )", "line 1"],
    ["another sign", "a = `x`", "line 1"],
  ])("refuses %s, by its line and without its text", (_, text, line) => {
    expect(() => parseLibconfig(text)).toThrow(line);
    expect(() => parseLibconfig(text)).not.toThrow("secret");
  });
});
