import { isKnown, KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { findOut } from "../setup/find.js";
import { type NextStep, nextSteps } from "../setup/next-steps.js";
import { isIdle, performSetup, type Work } from "../setup/perform.js";
import { rootOf } from "../setup/places.js";
import type { Conflict, FilePlan } from "../setup/plan.js";
import { checkPlace, type Draft, prepare, type SetupInput } from "../setup/prepare.js";
import { type Found, type Given, settle } from "../setup/settings.js";
import { type LoginTry, tryLogin } from "../setup/try-login.js";
import { ask, canAsk, confirm } from "./ask.js";
import { formatFound, formatNext, formatPlan } from "./format-setup.js";
import { askForSettings } from "./setup-questions.js";
import { removeSetup } from "./setup-remove.js";

export interface SetupOptions extends Given {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly remove?: boolean;
  readonly force?: boolean;
  readonly enable?: boolean;
  readonly root?: string;
  readonly json?: boolean;
  readonly proxysqlConfig?: string;
  readonly peerKey?: string;
  readonly hostKey?: string;
  readonly hostKeyFingerprint?: string;
}

/** `setup`: finds out, asks, shows what it is going to do, and does it; or takes all of it back. */
export async function setup(configFile: string, options: SetupOptions): Promise<number> {
  try {
    return await setUp(configFile, options);
  } catch (error) {
    // A full disk, a file system that is read-only, a file in the place of a directory: the host's trouble, no bug.
    if (isKnown(error) || systemCode(error) === undefined) throw error;
    const sentence = `${printable(sentenceOf(error))}. What was begun is finished by the next run, or taken back by --remove.`;
    throw new KnownError("not-done", sentence, {}, error);
  }
}

async function setUp(configFile: string, options: SetupOptions): Promise<number> {
  const root = rootOf(options.root, process.env.DESTDIR);
  let isGuided = options.yes !== true && options.json !== true && canAsk();
  if (options.yes !== true && options.dryRun !== true && !isGuided) {
    throw new KnownError(
      "usage",
      "There is no terminal to ask on: say --yes, or --dry-run to see what would be done.",
    );
  }
  await checkPlace(root, configFile);
  if (options.remove === true) return removeSetup(root, { ...options, isGuided });

  const text = (part: string): void => void (options.json === true || process.stdout.write(part));
  let found = await findOut(root, configFile, options.proxysqlConfig);
  text(`${formatFound(found)}\n`);
  let given: Given = options;
  // Only to show the plan nothing is asked that can do without an answer.
  if (options.dryRun === true && fitsTogether(options, found)) isGuided = false;
  if (isGuided) ({ given, found } = await askForSettings(options, found));
  const input: SetupInput = {
    ...{ root, configFile, given },
    hostKey: options.hostKey,
    hostKeyFingerprint: options.hostKeyFingerprint,
    peerKey: options.peerKey ?? (isGuided ? await askForPeerKey() : undefined),
    enable: options.enable === true,
  };
  const asked = isGuided && options.dryRun !== true;
  const draft = await trust(await prepare(input, found), asked);
  const plan = await decide(draft, options.force === true, asked);
  const refused = refusals(draft, plan);
  const work: Work = {
    ...{ steps: plan.steps, wanted: draft.wanted },
    ...{ makeUser: draft.user === "make", enable: draft.enable },
  };
  const next = nextSteps(draft, { enabled: input.enable, peerKey: input.peerKey !== undefined });
  const tell = (done: readonly string[] | null, login: LoginTry | null = null): void => {
    if (options.json !== true) return;
    const document = { ...documentOf(root, options, found, draft, plan, refused, done, next), login };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  };

  text(formatPlan(root, draft, plan));
  if (options.dryRun === true) {
    // Files that stand in the way are in the plan already.
    const unconfirmed = refused.filter(({ path }) => path === null);
    text(
      `\nNothing was done: --dry-run.\n${unconfirmed.map(({ sentence }) => `Refused: ${sentence}\n`).join("")}`,
    );
    tell(null);
    return 0;
  }
  if (refused.length > 0) {
    tell(null);
    throw new KnownError(
      "not-done",
      ["Nothing was done.", ...refused.map(({ sentence }) => sentence)].join("\n"),
    );
  }
  if (isIdle(work, draft.record)) {
    text("\nNothing to do: all of it is there.\n");
    tell([]);
    return 0;
  }
  if (isGuided && !(await confirm("\nDo this?"))) throw new KnownError("not-done", "Nothing was done.");
  const done: string[] = [];
  await performSetup(root, work, (path) => {
    done.push(path);
  });
  // Below a scratch root there is no ProxySQL of its own to ask.
  const login = root === "" ? await tryLogin(draft.settings) : null;
  const loginLine = login === null ? "" : `${printable(login.sentence)}\n`;
  text(`\nDone. \`proxysql-carp setup --remove\` takes it back.\n${loginLine}${formatNext(next)}`);
  tell(done, login);
  return 0;
}

/** One thing that keeps setup from doing anything. */
interface Refusal {
  readonly path: string | null;
  readonly sentence: string;
}

function fitsTogether(given: Given, found: Found): boolean {
  try {
    settle(given, found);
    return true;
  } catch (error) {
    if (isKnown(error, "usage")) return false;
    throw error;
  }
}

/** Enter means: not yet. */
async function askForPeerKey(): Promise<string | undefined> {
  const answer = await ask("The peer's public key, a line or a file, if you have it (Enter: later)");
  return answer === "" ? undefined : answer;
}

/** A key that nobody vouched for is shown, and asked about; there is no answer that comes by itself. */
async function trust(draft: Draft, asked: boolean): Promise<Draft> {
  const { hostKey, settings } = draft;
  if (hostKey.trusted !== null || !asked) return draft;
  const { name, host, port } = settings.peer;
  process.stderr.write(
    `\nThe sshd at ${host} port ${port} shows this key:\n\n    ${hostKey.line.split(" ")[0]} ${hostKey.fingerprint}\n\n` +
      `Compare it with what ${name} itself says:\n\n    ssh-keygen -lf ${fileOf(hostKey.line)}\n\n`,
  );
  if (!(await confirm("Is it the same?"))) {
    throw new KnownError("not-done", "Nothing was done: whoever answered there may not be the peer.");
  }
  return { ...draft, hostKey: { ...hostKey, trusted: "confirmed" } };
}

function fileOf(line: string): string {
  const type = line.startsWith("ecdsa-") ? "ecdsa" : line.split(" ")[0]?.replace("ssh-", "");
  return `/etc/ssh/ssh_host_${type}_key.pub`;
}

/** The plan, with what may be overwritten. Without somebody to ask nothing may, unless --force is given. */
async function decide(draft: Draft, force: boolean, asked: boolean): Promise<FilePlan> {
  const first = draft.plan(() => force);
  if (!asked) return first;
  const yes = new Set<string>();
  const no = new Set<string>();
  for (const { path, why, canReplace } of first.conflicts) {
    if (!canReplace) continue;
    process.stderr.write(`\n${printable(path)}: ${why}.\n`);
    const isYes = await confirm(`Overwrite it, and keep a copy as ${printable(path)}.orig?`);
    (isYes ? yes : no).add(path);
  }
  const second = draft.plan((path) => force || yes.has(path));
  return { ...second, conflicts: second.conflicts.filter(({ path }) => !no.has(path)) };
}

function refusals(draft: Draft, { conflicts }: FilePlan): Refusal[] {
  const { hostKey, settings } = draft;
  const refused = conflicts.map((conflict) => ({
    path: conflict.path,
    sentence: sentenceOfConflict(conflict),
  }));
  if (hostKey.trusted !== null) return refused;
  const { name, host, port } = settings.peer;
  const sentence =
    `The sshd at ${host} port ${port} shows ${hostKey.line.split(" ")[0]} ${hostKey.fingerprint}. ` +
    `If ${name} itself says the same (ssh-keygen -lf ${fileOf(hostKey.line)}), give --host-key-fingerprint with it.`;
  return [{ path: null, sentence }, ...refused];
}

function sentenceOfConflict({ path, why, canReplace }: Conflict): string {
  return `${printable(path)}: ${why}.${canReplace ? " --force overwrites it, and keeps a copy." : ""}`;
}

/** The document of --json, schema proxysql-carp/setup/v1. Neither a password nor a private key is in it. */
function documentOf(
  root: string,
  options: SetupOptions,
  found: Found,
  draft: Draft,
  plan: FilePlan,
  refused: readonly Refusal[],
  done: readonly string[] | null,
  next: readonly NextStep[],
): object {
  const { file, problem, datadir, adminHost, adminPort, adminSocket, users } = found.proxysql;
  const { isNew, pair } = draft.key;
  // A key that was only thought of is not the one that will be made.
  const isReal = !isNew || done !== null;
  return {
    schema: "proxysql-carp/setup/v1",
    action: "setup",
    root: root === "" ? "/" : root,
    dryRun: options.dryRun === true,
    found: {
      node: found.node,
      carp: found.carp,
      carpProblem: found.carpProblem,
      proxysql: { file, problem, datadir, adminHost, adminPort, adminSocket, users },
    },
    settings: draft.settings,
    hostKey: draft.hostKey,
    publicKey: isReal ? pair.publicLine : null,
    planned: plan.steps.map(({ action, file: wanted }) => ({
      action,
      path: wanted.path,
      what: wanted.what,
      mode: wanted.mode.toString(8).padStart(4, "0"),
    })),
    kept: plan.kept,
    user: draft.user,
    enable: draft.enable !== null,
    remarks: draft.remarks,
    refused,
    done,
    next: isReal ? next : next.slice(1),
  };
}
