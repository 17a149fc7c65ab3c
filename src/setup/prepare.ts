import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { KnownError } from "../platform/errors.js";
import { statOrUndefined } from "../platform/files.js";
import { isRoot } from "../platform/plain-file.js";
import { printable } from "../platform/printable.js";
import { devdRemarks } from "./devd-rule.js";
import { type KeyPair, makeKeyPair, publicLineOf } from "./key-pair.js";
import { lookAt, type Present } from "./look.js";
import { checkPasswordFile } from "./password-file.js";
import { below, places } from "./places.js";
import { type FilePlan, planFiles } from "./plan.js";
import { readTextIfThere } from "./read.js";
import { readRecord, type SetupRecord } from "./record.js";
import { publicKeyGiven, type Serving } from "./serving.js";
import { type Found, type Given, passwordOf, type Settings, settle } from "./settings.js";
import { canMakeUser, hasLinkUser, ownerFor, readEnabled } from "./system.js";
import { findHostKey, type HostKey } from "./trust.js";
import { type Wanted, wantedFiles } from "./wanted.js";

/** What setup is asked for. */
export interface SetupInput {
  readonly root: string;
  /** On the host. */
  readonly configFile: string;
  readonly given: Given;
  readonly hostKey: string | undefined;
  readonly hostKeyFingerprint: string | undefined;
  readonly peerKey: string | undefined;
  readonly enable: boolean;
}

/** Everything that a plan needs, looked at and checked; nothing is changed yet. */
export interface Draft {
  readonly settings: Settings;
  readonly hostKey: HostKey;
  readonly key: { readonly pair: KeyPair; readonly isNew: boolean };
  readonly serving: Serving;
  readonly wanted: readonly Wanted[];
  readonly present: ReadonlyMap<string, Present>;
  readonly record: SetupRecord | undefined;
  readonly user: "there" | "make" | "by hand";
  readonly enable: { readonly before: string | null } | null;
  /** What the operator should know before he says yes. Sentences. */
  readonly remarks: readonly string[];
  plan(mayReplace: (path: string) => boolean): FilePlan;
}

/** `not-done` or `usage` if nothing can be set up here at all. */
export async function checkPlace(root: string, configFile: string): Promise<void> {
  if (root === "" && !isRoot()) {
    throw new KnownError("not-done", "Setup writes files of root's: run it as root, or with --root DIR.");
  }
  if (root !== "" && !(await statOrUndefined(root))?.isDirectory()) {
    throw new KnownError("usage", `--root: there is no directory ${printable(root)}.`);
  }
  if (!isAbsolute(configFile) || !isWord(configFile)) {
    throw new KnownError(
      "usage",
      `The configuration's path "${printable(configFile)}" cannot be used: rc(8) takes an absolute one of letters, digits and . _ / @ + - only.`,
    );
  }
}

/** Checks what is given, asks the peer for its host key if need be, and looks at every file that is wanted. */
export async function prepare(input: SetupInput, found: Found): Promise<Draft> {
  const { root, configFile } = input;
  const settings = settle(input.given, found);
  checkDirectories(found);
  if (settings.passwordFile !== places.password) await checkPasswordFile(root, settings.passwordFile);
  const peerKey = input.peerKey === undefined ? null : await publicKeyGiven("--peer-key", input.peerKey);
  const hostKey = await findHostKey(settings.peer, {
    hostKey: input.hostKey,
    fingerprint: input.hostKeyFingerprint,
    pinned: pinnedFor(settings, found),
  });
  const serving = { ...programs(root), configFile };
  const key = await keyOf(root, settings.node);
  const password = passwordOf(settings, found);
  const wanted = await wantedFiles({
    ...{ root, configFile, settings, hostKey: hostKey.line, keyPair: key.pair },
    ...{ password, peerKey, serving, existing: found.existing },
  });
  const present = new Map<string, Present>();
  for (const { path } of wanted) present.set(path, await lookAt(root, path));
  const record = await readRecord(root);
  const ownerOf = await ownerFor(root);
  const user = (await hasLinkUser(root)) ? "there" : (await canMakeUser(root)) ? "make" : "by hand";
  const before = input.enable ? await readEnabled(root) : null;
  return {
    ...{ settings, hostKey, key, serving, wanted, present, record, user },
    enable: input.enable && before !== "YES" ? { before } : null,
    remarks: await remarksOn(root, settings, found, wanted),
    plan: (mayReplace) => planFiles({ wanted, present, record, mayReplace, ownerOf }),
  };
}

function isWord(path: string): boolean {
  return /^[A-Za-z0-9_./@+-]+$/.test(path);
}

/** The rc script, the hook and the record know the usual places only. */
function checkDirectories({ existing }: Found): void {
  if (existing === null) return;
  const { state_dir, run_dir } = existing.node;
  if (state_dir === places.stateDir && run_dir === places.runDir) return;
  throw new KnownError(
    "not-done",
    `The configuration that is there has state_dir ${state_dir} and run_dir ${run_dir}: setup knows ${places.stateDir} and ${places.runDir} only. Go on by hand, as the README tells.`,
  );
}

/** The key of an earlier configuration, as long as it is for the same peer at the same place. */
function pinnedFor({ peer }: Settings, { existing }: Found): string | undefined {
  const same = existing?.peer.find(
    ({ name, host, port }) => name === peer.name && host === peer.host && port === peer.port,
  );
  return same?.host_key;
}

/** On the host itself what runs now goes on running; below a scratch root the usual places count. */
function programs(root: string): { node: string; program: string } {
  if (root !== "") return { node: places.node, program: places.program };
  const here = { node: process.execPath, program: fileURLToPath(new URL("../cli.js", import.meta.url)) };
  for (const path of Object.values(here)) {
    if (isWord(path)) continue;
    throw new KnownError(
      "not-done",
      `rc(8) cannot run ${printable(path)}: put it where its path has no blanks.`,
    );
  }
  return here;
}

async function keyOf(root: string, node: string): Promise<Draft["key"]> {
  const comment = `proxysql-carp of ${node}`;
  const file = below(root, places.privateKey);
  const privateText = await readTextIfThere(file);
  if (privateText === undefined) return { pair: makeKeyPair(comment), isNew: true };
  return { pair: { privateText, publicLine: publicLineOf(privateText, file, comment) }, isNew: false };
}

async function remarksOn(
  root: string,
  settings: Settings,
  found: Found,
  wanted: readonly Wanted[],
): Promise<string[]> {
  const { proxysql } = settings;
  const remarks: string[] = [];
  const config = wanted.find(({ what }) => what === "config");
  const others = found.existing?.peer.filter(({ name }) => name !== settings.peer.name) ?? [];
  if (config?.once === false && others.length > 0)
    remarks.push(
      `No longer a peer: ${others.map(({ name }) => name).join(", ")}. Setup writes one [[peer]]; add more by hand.`,
    );
  if (found.carpProblem !== null)
    remarks.push(`The vhids could not be compared with ifconfig: ${printable(found.carpProblem)}`);
  for (const vhid of found.carpProblem === null ? settings.vhids : []) {
    const line = found.carp.find((one) => one.vhid === vhid);
    if (line === undefined) remarks.push(`ifconfig does not tell of ${vhid} now.`);
    else if (line.protocol === "vrrp") remarks.push(`${vhid} speaks VRRP: a demotion does not move it.`);
  }
  if (found.proxysql.problem !== null)
    remarks.push(
      `ProxySQL's ${printable(found.proxysql.file ?? "")} was not read: ${printable(found.proxysql.problem)}`,
    );
  if (found.proxysql.worldReadable)
    remarks.push(`Everybody can read ${found.proxysql.file}, which has the admin's password: chmod 640 it.`);
  if (passwordOf(settings, found) === "admin")
    remarks.push(
      "The admin's password is ProxySQL's default, \"admin\": change it (admin-admin_credentials).",
    );
  if (!(await statOrUndefined(below(root, proxysql.datadir)))?.isDirectory())
    remarks.push(`There is no directory ${printable(proxysql.datadir)} yet, where ProxySQL's data is to be.`);
  if (!(await statOrUndefined(below(root, `/usr/local/etc/rc.d/${proxysql.service}`)))?.isFile())
    remarks.push(`There is no service /usr/local/etc/rc.d/${proxysql.service} yet.`);
  const rule = wanted.find(({ path }) => path === places.devdRule);
  return [...remarks, ...(await devdRemarks(root, rule?.content ?? "", settings.vhids))];
}
