import { readFileSync } from "node:fs";
import ts from "typescript";
import { beforeAll, describe, expect, it } from "vitest";
import { reasonGroups, reasonKinds } from "../../../src/health/reason.js";
import { code, section, tableRows } from "./markdown.js";

const markdown = readFileSync("docs/json.md", "utf8");
const sources = {
  status: "src/agent/status.ts",
  demo: "test/demo/scenario.ts",
  manifest: "src/snapshot/manifest.ts",
  peer: "src/peer/peer-status.ts",
  report: "src/ship/peer-report.ts",
  bench: "bench/report.ts",
  reason: "src/health/reason.ts",
  reasons: "src/http/reasons-document.ts",
  history: "src/journal/history.ts",
  alert: "src/health/alerts.ts",
  drill: "src/agent/drills.ts",
  maintenance: "src/role/care.ts",
  noAgent: "src/commands/no-agent.ts",
  verify: "src/commands/format-verify.ts",
  diff: "src/commands/format-diff.ts",
  doctor: "src/doctor/document.ts",
  config: "src/commands/format-config.ts",
  list: "src/commands/format-snapshot-list.ts",
  show: "src/commands/format-snapshot.ts",
  restore: "src/commands/format-snapshot-restore.ts",
  fenceReport: "src/commands/format-fence-report.ts",
  divergence: "src/agent/divergence-file.ts",
  fence: "src/fence/document.ts",
  runOnce: "src/fence/standalone.ts",
};

/** Shapes that have a heading of their own, and are not repeated wherever they occur. */
const shapes: Readonly<Record<string, string>> = {
  Dated: "dated",
  LineageText: "lineage",
  Reason: "reason",
  HistoryStep: "step",
  ConfigurationDiff: "diff",
};

const serverFields = ["server", "server.host", "server.port"];

let program: ts.Program;

beforeAll(() => {
  const { config } = ts.readConfigFile("tsconfig.json", (path) => readFileSync(path, "utf8"));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ".");
  program = ts.createProgram(Object.values(sources), options);
});

/** The paths of all fields of a type that a source file exports: `peers[].link`. */
function fieldsOf(file: string, name: string): string[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const symbol = module && checker.getExportsOfModule(module).find((one) => one.name === name);
  if (!symbol) throw new Error(`${file} exports no ${name}`);
  return walk(checker, checker.getDeclaredTypeOfSymbol(symbol), "");
}

function walk(checker: ts.TypeChecker, type: ts.Type, prefix: string): string[] {
  return type.getProperties().flatMap((property) => {
    const path = `${prefix}${property.name}`;
    const field = checker.getNonNullableType(checker.getTypeOfSymbol(property));
    return [path, ...inside(checker, field, path)];
  });
}

function inside(checker: ts.TypeChecker, type: ts.Type, path: string): string[] {
  if (checker.isArrayLikeType(type)) {
    const [element] = checker.getTypeArguments(type as ts.TypeReference);
    if (element?.isIntersection()) return walk(checker, element, `${path}[].`);
    return element ? inside(checker, element, `${path}[]`) : [];
  }
  const name = (type.aliasSymbol ?? type.symbol)?.name;
  if (name !== undefined && name in shapes) return [];
  const values = type.getStringIndexType();
  if (values)
    return type.getProperties().length > 0
      ? walk(checker, type, `${path}.`)
      : inside(checker, values, `${path}{}`);
  return type.flags & ts.TypeFlags.Object ? walk(checker, type, `${path}.`) : [];
}

function described(title: string): string[] {
  return tableRows(section(markdown, title)).map(({ cells }) => code(cells[0]) ?? "");
}

describe("docs/json.md", () => {
  it.each([
    ["status", "proxysql-carp/status/v1", sources.status, "StatusDocument"],
    ["no agent", "proxysql-carp/no-agent/v1", sources.noAgent, "NoAgentDocument"],
    ["dated", "Dated", sources.status, "Dated"],
    ["lineage", "Lineage", sources.status, "LineageText"],
    ["demo", "proxysql-carp/demo/v1", sources.demo, "DemoResult"],
    ["manifest", "proxysql-carp/manifest/v1", sources.manifest, "Manifest"],
    ["bench", "proxysql-carp/bench/v1", sources.bench, "BenchDocument"],
    ["peer's status", "The peer's status", sources.peer, "PeerStatus"],
    ["reason", "Reason", sources.reason, "Reason"],
    ["reasons", "proxysql-carp/reasons/v1", sources.reasons, "ReasonsDocument"],
    ["history", "proxysql-carp/history/v1", sources.history, "HistoryDocument"],
    ["history's steps", "Step", sources.history, "HistoryStep"],
    ["verify", "proxysql-carp/verify/v1", sources.verify, "VerifyDocument"],
    ["diff", "proxysql-carp/diff/v1", sources.diff, "DiffDocument"],
    ["divergence", "proxysql-carp/divergence/v1", sources.divergence, "DivergenceDocument"],
    ["fence report", "proxysql-carp/fence-report/v1", sources.fenceReport, "FenceReportDocument"],
    ["alert", "proxysql-carp/alert/v1", sources.alert, "AlertEvent"],
    ["doctor", "proxysql-carp/doctor/v1", sources.doctor, "DoctorDocument"],
    ["configuration", "proxysql-carp/config/v1", sources.config, "ConfigDocument"],
    ["list of snapshots", "proxysql-carp/snapshots/v1", sources.list, "ListDocument"],
    ["snapshot", "proxysql-carp/snapshot/v1", sources.show, "ShownDocument"],
    ["restore", "proxysql-carp/restore/v1", sources.restore, "RestoreDocument"],
    ["fences", "proxysql-carp/fence/v1", sources.fence, "FenceDocument"],
  ])("describes every field of the %s, and none that it does not have", (_, title, file, type) => {
    const elsewhere = type === "RestoreDocument" ? ["tables[].", "tls[]."] : ["peers[].report."];
    const fields = fieldsOf(file, type).filter(
      (path) => !elsewhere.some((prefix) => path.startsWith(prefix)),
    );
    expect(fields.length).toBeGreaterThan(2);
    expect(described(title).sort()).toEqual(fields.sort());
  });

  it.each([
    ["drill", "schema", sources.drill, "DrillRecord", ""],
    ["maintenance", "schema node maintenance", sources.maintenance, "MaintenanceView", "maintenance."],
    ["fence-run", "schema node by", sources.runOnce, "RunOnceResult", ""],
  ])(
    "describes every field of the %s document, which its command puts together",
    (name, own, file, type, prefix) => {
      const fields = [...own.split(" "), ...fieldsOf(file, type).map((field) => `${prefix}${field}`)];
      expect(described(`proxysql-carp/${name}/v1`).sort()).toEqual(fields.sort());
    },
  );

  it("describes every field of the fence-release document, which its command puts together", () => {
    const source = readFileSync("src/commands/fence-release.ts", "utf8");
    const fields =
      /const document = \{([^}]*)\}/.exec(source)?.[1]?.matchAll(/(\w+)(?::[^,]*)?\s*(?:,|$)/g) ?? [];
    const own = [...fields]
      .map((match) => match[1] ?? "")
      .flatMap((name) => (name === "server" ? serverFields : name));
    expect(described("proxysql-carp/fence-release/v1").sort()).toEqual(own.sort());
  });

  it("describes every value of the check line", () => {
    const labels = readFileSync("src/commands/check-line.ts", "utf8").matchAll(/\[?`([a-z_]+)=\$/g);
    expect(described("The check line").sort()).toEqual([...labels].map((match) => match[1]).sort());
  });

  it("describes every path that is served over HTTP", () => {
    const paths = readFileSync("src/http/routes.ts", "utf8").matchAll(/app\.get\("([^"]+)"/g);
    expect(described("Over HTTP").sort()).toEqual([...paths].map((match) => match[1]).sort());
  });

  it("describes every field of a peer's report that is read", () => {
    const fields = fieldsOf(sources.report, "PeerReport");
    expect(described("The peer's report")).toEqual(expect.arrayContaining(fields));
  });

  it("describes every field of a peer's report that is sent", () => {
    const source = readFileSync("src/agent/report.ts", "utf8");
    const body = /function reportOf[\s\S]*?return \{\n([\s\S]*?)\n {2}\};/.exec(source)?.[1] ?? "";
    const sent = [...body.matchAll(/^ {4}(?:\.\.\..*\{ )?(\w+)[:,]/gm)].map((match) => match[1] ?? "");
    expect(sent).toContain("ready");
    expect(sent.length).toBeGreaterThan(10);
    expect(described("The peer's report")).toEqual(expect.arrayContaining(sent));
  });

  it("lists every reason below its group, with its severity", () => {
    const reasons = readFileSync("docs/reasons.md", "utf8");
    const told = reasonGroups.flatMap((group) =>
      tableRows(section(reasons, group)).map(({ cells }) => [code(cells[0]), group, cells[1]]),
    );
    const there = Object.entries(reasonKinds).map(([name, { group, severity }]) => [name, group, severity]);
    expect(told.sort()).toEqual(there.sort());
  });

  it("describes every document by its schema", () => {
    for (const name of [
      "status",
      "demo",
      "bench",
      "manifest",
      "reasons",
      "history",
      "maintenance",
      "alert",
      "drill",
    ]) {
      expect(markdown).toContain(`## proxysql-carp/${name}/v1`);
    }
  });
});
