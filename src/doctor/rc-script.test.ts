import { describe, expect, it } from "vitest";
import { judgeRc } from "./rc-script.js";
import { told } from "./test-told.js";

describe("rc", () => {
  it.each([
    [{ enable: "YES", enabled: ["/usr/local/etc/rc.d/proxysql_carp"] }, /^ok/],
    [{ enable: "on", enabled: null }, /^ok/],
    [{ enable: "NO", enabled: null }, /^failing: proxysql_carp_enable is NO/],
    [{ enable: "sysrc: unknown variable", enabled: null }, /^failing: proxysql_carp_enable is not set/],
    [{ enable: "YES", enabled: ["/usr/local/etc/rc.d/not_proxysql_carp"] }, /^failing: .*does not list/],
    [{ enable: null, enabled: null }, /^not-checked: no sysrc here/],
  ])("%o", (seen, expected) => {
    expect(told(judgeRc(seen))).toMatch(expected);
  });
});
