import { parseArgs } from "node:util";
import { withDeadline } from "../src/platform/clock.js";
import { type Benchmark, type Counts, fullCounts, quickCounts } from "./benchmark.js";
import type { Figure } from "./figure.js";
import { atRest, atRestFencing } from "./figures/at-rest.js";
import { changeToVerified } from "./figures/change-to-verified.js";
import { devdBlocked } from "./figures/devd-blocked.js";
import { fenceDowntime } from "./figures/fence-downtime.js";
import { fenceInnocent } from "./figures/fence-innocent.js";
import { fenceThousand } from "./figures/fence-thousand.js";
import { httpPage } from "./figures/http-page.js";
import { coldPromotion, warmPromotion } from "./figures/promotion.js";
import { round } from "./figures/round.js";
import { snapshotList } from "./figures/snapshot-list.js";
import { status } from "./figures/status.js";
import { switchover } from "./figures/switchover.js";
import { unchanged } from "./figures/unchanged.js";
import { verify } from "./figures/verify.js";
import { describeMachine } from "./machine.js";
import { type BenchDocument, type Failure, formatDocument, type Skipped } from "./report.js";

const benchmarks: readonly Benchmark[] = [
  devdBlocked,
  changeToVerified,
  unchanged,
  coldPromotion,
  warmPromotion,
  atRest,
  atRestFencing,
  round,
  httpPage,
  status,
  verify,
  snapshotList,
  switchover,
  fenceDowntime,
  fenceInnocent,
  fenceThousand,
];

/** A stop that takes longer hangs, and is a finding. */
const endMs = 30_000;

const usage = `usage: npm run bench [-- [--json] [--quick] [--only NAME]]

Measures the agent beside the shell recipe in bench/baseline, on this machine's loopback, without root, with a ProxySQL
stand-in or the program named by PROXYSQL_BIN; the switchover in network namespaces, as root, or not at all. NAME is one of:
  ${benchmarks.map(({ name, figures }) => [name, ...figures.filter((figure) => figure !== name)].join(", ")).join("\n  ")}
Ends with 0 if every figure is within its bound, with 1 if one is not or could not be measured.
`;

interface Options {
  readonly json: boolean;
  readonly counts: Counts;
  readonly only: string | undefined;
}

/** Measures what the arguments ask for; returns the exit code. */
export async function bench(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const { json, counts, only } = options;
  const machine = describeMachine();
  const figures: Figure[] = [];
  const failures: Failure[] = [];
  const skipped: Skipped[] = [];
  for (const benchmark of benchmarks.filter((candidate) => isAskedFor(candidate, only))) {
    const why = benchmark.missing?.();
    if (why !== undefined) {
      skipped.push({ name: benchmark.name, why });
      continue;
    }
    process.stderr.write(`${benchmark.name} ...\n`);
    try {
      figures.push(...(await carryOut(benchmark, counts)));
    } catch (error) {
      failures.push({ name: benchmark.name, error: error instanceof Error ? error.message : String(error) });
    }
  }
  const wanted = figures.filter(({ name }) => only === undefined || isAbout(name, only));
  const document: BenchDocument = {
    schema: "proxysql-carp/bench/v1",
    machine,
    figures: wanted,
    failures,
    skipped,
  };
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${formatDocument(document)}`);
  return failures.length === 0 && wanted.every(({ ok }) => ok) ? 0 : 1;

  function isAbout(figure: string, asked: string): boolean {
    return (
      figure === asked || benchmarks.some(({ name, figures: of }) => name === asked && of.includes(figure))
    );
  }
}

/** Runs one benchmark and ends what it started, whatever comes of it; also when the user interrupts. */
async function carryOut(benchmark: Benchmark, counts: Counts): Promise<Figure[]> {
  const endings: (() => Promise<void>)[] = [];
  async function end(): Promise<void> {
    for (let ending = endings.pop(); ending !== undefined; ending = endings.pop()) {
      await withDeadline(ending(), endMs, `Ending what ${benchmark.name} started`);
    }
  }
  const interrupted = (): void => void end().finally(() => process.exit(130));
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    return await benchmark.run({ counts, onEnd: (work) => endings.push(work) });
  } finally {
    await end();
    process.removeListener("SIGINT", interrupted);
    process.removeListener("SIGTERM", interrupted);
  }
}

function isAskedFor({ name, figures }: Benchmark, only: string | undefined): boolean {
  return only === undefined || name === only || figures.includes(only);
}

function readOptions(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { json: { type: "boolean" }, quick: { type: "boolean" }, only: { type: "string" } },
    });
    const { json = false, quick = false, only } = values;
    if (only !== undefined && !benchmarks.some((benchmark) => isAskedFor(benchmark, only))) {
      process.stderr.write(`There is no figure ${only}.\n`);
      return undefined;
    }
    return { json, counts: quick ? quickCounts : fullCounts, only };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}
