import { expect, it } from "vitest";
import { type FenceReportDocument, formatFenceReport, type ReportedServer } from "./format-fence-report.js";

const lost: ReportedServer = {
  server: "db1:3306",
  against: "db2:3306",
  fence: null,
  verdict: "transactions-only-here",
  why: [],
  notes: [],
  count: "2",
  ranges: [{ source: "0-1", from: "101", to: "102" }],
  gtids: ["0-1-101", "0-1-102"],
  logs: [
    {
      name: "binlog.000002",
      size: 747,
      first: { gtid: "0-1-101", position: 541, end: 600 },
      last: { gtid: "0-1-102", position: 600, end: 703 },
      transactions: 2,
      others: 0,
      scanned: true,
    },
  ],
  complete: true,
  command: "mariadb-binlog binlog.000002",
  unreachable: null,
  version: "10.11.19-MariaDB",
  againstVersion: "10.11.19-MariaDB",
};

function format(...servers: ReportedServer[]): string {
  const document: FenceReportDocument = { schema: "proxysql-carp/fence-report/v1", at: "", servers };
  return formatFenceReport(document);
}

it("tells the verdict, the transactions, where they are, and how to read them", () => {
  expect(format(lost)).toBe(
    [
      "db1:3306 has 2 transactions that db2:3306 has not.",
      "  Transactions: 0-1-101, 0-1-102",
      "  Binary log: binlog.000002: 2 of them, from byte 541 to byte 703",
      "  To read them:",
      "    mariadb-binlog binlog.000002",
      "",
    ].join("\n"),
  );
});

it("tells that nothing is lost, and that nothing is fenced", () => {
  const none = { count: "0", ranges: [], gtids: [], logs: [], command: null };
  expect(format({ ...lost, ...none, verdict: "nothing-lost" })).toBe(
    "db1:3306: nothing is lost: db2:3306 has all that it has.\n",
  );
  expect(format()).toBe("No server is fenced.\n");
});

it("tells plainly that it cannot be known, why, and what the numbers suggest", () => {
  const text = format({ ...lost, verdict: "unknown", why: ["Strict mode is off."], complete: false });
  expect(text).toContain("db1:3306: it cannot be known whether it has transactions that db2:3306 has not.");
  expect(text).toContain("  Why: Strict mode is off.");
  expect(text).toContain("  If the numbers can be trusted: 0-1-101, 0-1-102");
  expect(text).toContain("  To read what is left of them:");
  expect(format({ ...lost, verdict: "unknown", unreachable: "Away." })).toContain(
    "not reachable, so it cannot",
  );
});

it("lets no terminal obey, and goes over 80 columns with the command alone", () => {
  const nasty = "\u001b[2J\nforged ".repeat(20);
  const fence = { kind: nasty, detail: nasty, since: nasty };
  const gtids = Array.from({ length: 50 }, (_, number) => `0-1-${number}`);
  const ranges = gtids.map((_, number) => ({ source: "0-1", from: String(number), to: String(number) }));
  const text = format({ ...lost, server: nasty, why: [nasty], notes: [nasty], fence, gtids, ranges });
  expect(text).not.toContain("\u001b");
  expect(text).toContain("and 30 more");
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
});
