import { readFile } from "node:fs/promises";
import { z } from "zod";
import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { unknownFinding } from "../fence/report.js";
import { type ReadLogin, reportServer, type ServerPlace } from "../fence/report-servers.js";
import { wallClock } from "../platform/clock.js";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { askAgent } from "./ask-agent.js";
import { colours } from "./colour.js";
import {
  type FenceReportDocument,
  formatFenceReport,
  placeText,
  type ReportedServer,
} from "./format-fence-report.js";
import { parsePlace } from "./server-place.js";

/** What is read of the agent's answer; it has more. */
const place = z.object({ host: z.string(), port: z.int() });
const fenceStatus = z.object({
  fences: z.array(
    z.object({
      server: place,
      cause: z.object({ kind: z.string(), detail: z.string().nullish(), successor: place.nullish() }),
      since: z.string(),
    }),
  ),
});
type Fence = z.infer<typeof fenceStatus>["fences"][number];

/** A server to look at. */
interface Subject {
  readonly server: ServerPlace;
  readonly against: ServerPlace | null;
  readonly fence: Fence | null;
}

/** Each holds two connections while it is looked at. */
const atOnce = 4;

/**
 * `fence report [SERVER] [--against SERVER]`: what fenced servers have that their successors have not. With both given
 * the agent is not asked. Exit code 0: nothing is lost, or nothing is fenced; 1: there are transactions only there, or
 * it cannot be known; 3: a server or the agent is not reachable, and nothing worse is known.
 */
export async function reportFences(
  configFile: string,
  server: string | undefined,
  options: { readonly against?: string; readonly json?: boolean },
): Promise<number> {
  const config = loadConfig(configFile);
  const against = options.against === undefined ? undefined : parsePlace(options.against, "--against");
  const one = server === undefined ? undefined : parsePlace(server, "server");
  const subjects = await subjectsOf(config, one, against);
  const login = subjects.length === 0 ? undefined : await loginOf(config, configFile);
  const servers: ReportedServer[] = [];
  for (let from = 0; login !== undefined && from < subjects.length; from += atOnce) {
    const some = subjects.slice(from, from + atOnce).map((subject) => reported(subject, login));
    servers.push(...(await Promise.all(some)));
  }
  const document: FenceReportDocument = {
    schema: "proxysql-carp/fence-report/v1",
    at: new Date(wallClock()).toISOString(),
    servers,
  };
  const { stdout } = process;
  stdout.write(
    options.json ? `${JSON.stringify(document, null, 2)}\n` : formatFenceReport(document, colours(stdout)),
  );
  return exitCodeOf(servers);
}

function exitCodeOf(servers: readonly ReportedServer[]): number {
  if (servers.some(({ verdict }) => verdict === "transactions-only-here")) return 1;
  if (servers.some(({ unreachable }) => unreachable !== null)) return 3;
  return servers.some(({ verdict }) => verdict === "unknown") ? 1 : 0;
}

async function subjectsOf(
  config: Config,
  one: ServerPlace | undefined,
  against: ServerPlace | undefined,
): Promise<Subject[]> {
  if (one !== undefined && against !== undefined) return [{ server: one, against, fence: null }];
  const fences = await fencesOf(config);
  const wanted = fences.filter(({ server }) => one === undefined || isSame(server, one));
  if (one !== undefined && wanted.length === 0)
    throw new KnownError(
      "not-done",
      `${placeText(one)} is not fenced: say with --against which server to compare it with.`,
    );
  return wanted.map((fence) => {
    return { server: fence.server, against: against ?? fence.cause.successor ?? null, fence };
  });
}

async function fencesOf(config: Config): Promise<Fence[]> {
  const { fence } = await askAgent(config, { op: "fence-status" });
  const read = fenceStatus.safeParse(fence);
  if (read.success) return read.data.fences;
  throw new KnownError(
    "not-done",
    "The running agent's answer on fences is not understood: it may be of another version.",
  );
}

function isSame(a: ServerPlace, b: ServerPlace): boolean {
  return a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase();
}

async function reported({ server, against, fence }: Subject, login: ReadLogin): Promise<ReportedServer> {
  const found =
    against === null
      ? {
          ...unknownFinding(
            "No successor of this server is known: say with --against which server to compare it with.",
          ),
          unreachable: null,
          version: null,
          againstVersion: null,
        }
      : await reportServer(server, against, login);
  return {
    server: placeText(server),
    against: against === null ? null : placeText(against),
    fence:
      fence === null
        ? null
        : { kind: fence.cause.kind, detail: fence.cause.detail ?? null, since: fence.since },
    ...found,
  };
}

/** Errors: `config-invalid` if no login is configured or the password cannot be read. */
async function loginOf({ fence }: Config, configFile: string): Promise<ReadLogin> {
  if (fence?.mysql_user === undefined)
    throw new KnownError(
      "config-invalid",
      `${configFile}: fence.mysql_user: expected a login by which the servers can be read, found nothing.`,
    );
  const { mysql_user: user, mysql_password_file: file } = fence;
  if (file === undefined) return { user, password: "" };
  try {
    return { user, password: (await readFile(file, "utf8")).replace(/\r?\n$/, "") };
  } catch (error) {
    throw new KnownError(
      "config-invalid",
      `The password file ${file} cannot be read: ${sentenceOf(error)}`,
      {},
      error,
    );
  }
}
