import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { root } from "../../test/support/pair/node.js";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figureOf } from "../figure.js";

const run = promisify(execFile);
/** One look of the large kind takes a second or two; a machine that hangs must not hold the benchmark for good. */
const processMs = 300_000;
const mebibyte = 1024 * 1024;

/** What verifying costs an agent that does it, and comparing two large configurations. The recipe does neither. */
export const verify: Benchmark = {
  name: "verify",
  figures: ["verify-1mib", "verify-100mib", "verify-memory", "diff-50k-rows"],
  async run({ counts, onEnd }) {
    const dir = mkdtempSync(join(tmpdir(), "verify-"));
    onEnd(async () => rmSync(dir, { recursive: true, force: true }));
    const small = rulesOf(join(dir, "small"), 1);
    const large = rulesOf(join(dir, "large"), 100);
    const [one, hundred] = [await verified(small, counts.restores), await verified(large, counts.restores)];
    const [a, b] = [serversOf(join(dir, "a.db"), 1), serversOf(join(dir, "b.db"), 2)];
    const compared = await inProcess<{ ms: number[]; rows: number }>(
      diffScript,
      a,
      b,
      String(counts.restores),
    );
    if (compared.rows !== serverCount)
      throw new Error(`${compared.rows} of ${serverCount} rows were found to differ`);
    return [
      timed("verify-1mib", one.ms, 50, `${one.mebibytes} MiB, ${one.rows} rows`),
      timed(
        "verify-100mib",
        hundred.ms,
        2_000,
        `${hundred.mebibytes} MiB, ${hundred.rows} rows; in processes of its own`,
      ),
      memory(hundred),
      timed(
        "diff-50k-rows",
        compared.ms,
        2_000,
        `${serverCount} servers on each side, every one of them changed`,
      ),
    ];
  },
};

interface Verified {
  readonly ms: readonly number[];
  /** KiB: before the first look, and the most there ever was. */
  readonly before: number;
  readonly peak: number;
  readonly mebibytes: string;
  readonly rows: number;
}

function timed(name: string, samples: readonly number[], most: number, what: string): Figure {
  return figureOf({
    name,
    unit: "ms",
    samples,
    bound: { of: "p50", most, below: true },
    note: `all checks of an unpacked snapshot or a row by row difference: ${what}; the recipe verifies and compares nothing`,
  });
}

function memory({ before, peak, mebibytes }: Verified): Figure {
  return figureOf({
    name: "verify-memory",
    unit: "MiB",
    samples: [(peak - before) / 1024],
    bound: { of: "p50", most: 64, below: true },
    note: `growth of the process that unpacks and verifies ${mebibytes} MiB, from ${Math.round(before / 1024)} MiB, at its peak`,
  });
}

/** A database of ProxySQL's with query rules of some 170 bytes, as large as it is told, in a directory of its own. */
function rulesOf(datadir: string, mebibytes: number): string {
  mkdirSync(datadir);
  fill(
    join(datadir, "proxysql.db"),
    mebibytes * 6_600,
    `INSERT INTO mysql_query_rules(rule_id,active,match_pattern,destination_hostgroup,apply,comment)
     SELECT i+10, 1, '^SELECT .* FROM table_'||i||' WHERE id = [0-9]+ AND name = .*$', i%50, 1,
            'rule number '||i||', made for the benchmark' FROM n`,
  );
  return datadir;
}

const serverCount = 50_000;

function serversOf(file: string, weight: number): string {
  fill(
    file,
    serverCount,
    `INSERT INTO mysql_servers(hostgroup_id,hostname,weight,comment)
     SELECT i%100, 'db'||i||'.example.com', ${weight}, 'rack '||i FROM n`,
  );
  return file;
}

function fill(file: string, rows: number, insert: string): void {
  copyFileSync(join(root, "test/fixtures/proxysql/proxysql-2.7.1-default.db"), file);
  const db = new Database(file);
  db.pragma("synchronous = OFF");
  db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ${rows}) ${insert}`);
  db.close();
}

async function verified(datadir: string, times: number): Promise<Verified> {
  const taken = await inProcess<{ id: string; size: number; rows: number }>(takeScript, datadir);
  const looked = await inProcess<Pick<Verified, "ms" | "before" | "peak">>(
    verifyScript,
    datadir,
    taken.id,
    String(times),
  );
  return { ...looked, mebibytes: (taken.size / mebibyte).toFixed(1), rows: taken.rows };
}

/** As the agent sets its memory up, and from what it runs. */
const preamble = `
import { setFlagsFromString } from "node:v8";
setFlagsFromString("--semi-space-growth-factor=1");
const dist = ${JSON.stringify(pathToFileURL(join(root, "dist/")).href)};
const [datadir, ...args] = process.argv.slice(1);
const { openStore } = await import(dist + "snapshot/store.js");
const { verifyDatabase, verifyUnpacked } = await import(dist + "snapshot/verify.js");
`;

const takeScript = `
const { takeSnapshot } = await import(dist + "snapshot/take.js");
const { manifest } = await takeSnapshot({
  via: null, datadir, staging: datadir + "/staging", store: openStore(datadir), ancestry: [],
  lineage: { epoch: 1, sequence: 1, node: "a" }, proxysqlVersion: null,
});
const { rows } = manifest.tables.mysql_query_rules;
process.stdout.write(JSON.stringify({ id: manifest.id, size: manifest.database.size, rows }));
`;

const verifyScript = `
const [id, times] = args;
const store = openStore(datadir);
const tables = async () => Object.fromEntries(
  Object.entries((await store.manifest(id)).tables).map(([name, { definition }]) => [name, definition]));
const definitions = await tables();
await verifyDatabase(${JSON.stringify(join(root, "test/fixtures/proxysql/proxysql-2.7.1-default.db"))});
const before = process.memoryUsage.rss() / 1024;
const ms = [];
for (let n = 0; n < Number(times); n += 1) {
  const manifest = await store.unpack(id, datadir + "/unpacked");
  const began = performance.now();
  const verified = await verifyUnpacked(datadir + "/unpacked", manifest, { definitions, before: manifest });
  ms.push(performance.now() - began);
  if (!verified.ok) throw new Error(verified.refusal.sentence);
}
process.stdout.write(JSON.stringify({ ms, before, peak: process.resourceUsage().maxRSS }));
`;

const diffScript = `
const { diffDatabases } = await import(dist + "snapshot/diff.js");
const [b, times] = args;
const ms = [];
let rows = 0;
for (let n = 0; n < Number(times); n += 1) {
  const began = performance.now();
  rows = (await diffDatabases(datadir, b)).tables[0]?.rows.length ?? 0;
  ms.push(performance.now() - began);
}
process.stdout.write(JSON.stringify({ ms, rows }));
`;

async function inProcess<T>(script: string, ...args: string[]): Promise<T> {
  const { stdout } = await run(
    process.execPath,
    ["--input-type=module", "-e", `${preamble}${script}`, ...args],
    { timeout: processMs },
  );
  return JSON.parse(stdout) as T;
}
