import type { z } from "zod";
import { KnownError } from "../platform/errors.js";
import { parseToml, readText } from "./file.js";
import { isWholeHostKey } from "./host-key.js";
import { formatKeyPath, type KeyPath, lineOf } from "./locate.js";
import { type Config, configSchema } from "./schema.js";
import { isSecretKey } from "./secret-keys.js";

/**
 * Reads and checks a configuration file. A bad one is refused as a whole (`config-invalid`), naming file, line, key,
 * what was expected and what was found, for every mistake at once.
 */
export function loadConfig(file: string): Config {
  return parseConfig(readText(file), file);
}

/** The same for a text already read; `file` is only named in errors. */
export function parseConfig(text: string, file: string): Config {
  const raw = parseToml(text, file);
  const result = configSchema.safeParse(raw);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => describe(issue, raw, text, file));
    throw new KnownError("config-invalid", lines.join("\n"), { file });
  }
  checkTogether(result.data, text, file);
  return result.data;
}

/** Rules that a single key's form does not tell. */
function checkTogether(config: Config, text: string, file: string): void {
  const mistakes: string[] = [];
  const tell = (path: KeyPath, sentence: string): void => {
    mistakes.push(`${file}:${lineOf(text, path) ?? "?"}: ${formatKeyPath(path)}: expected ${sentence}.`);
  };
  const { vhids } = config.carp;
  for (const [index, vhid] of vhids.entries()) {
    if (vhids.indexOf(vhid) < index) tell(["carp", "vhids", index], `every vhid once, found "${vhid}" twice`);
  }
  const names = new Set([config.node.name]);
  for (const [index, { name, host_key }] of config.peer.entries()) {
    if (names.has(name))
      tell(["peer", index, "name"], `a name of its own for every node, found "${name}" twice`);
    names.add(name);
    if (!isWholeHostKey(host_key)) {
      const whole = "a whole public key, such as /etc/ssh/ssh_host_ed25519_key.pub of the peer has it";
      tell(["peer", index, "host_key"], `${whole}, found "${host_key.slice(0, 60)}"`);
    }
  }
  checkOrchestrator(config, tell);
  for (const [key, sentence] of lockMistakes(config.lock)) tell(["lock", key], sentence);
  if (mistakes.length > 0) throw new KnownError("config-invalid", mistakes.join("\n"), { file });
}

function checkOrchestrator(
  { orchestrator, fence }: Config,
  tell: (path: KeyPath, sentence: string) => void,
): void {
  const { auth = "none", user, secret_file } = orchestrator ?? {};
  if (auth === "basic" && user === undefined)
    tell(["orchestrator", "auth"], 'user beside auth = "basic", found none');
  if (auth !== "none" && secret_file === undefined)
    tell(["orchestrator", "auth"], `secret_file beside auth = "${auth}", found none`);
  for (const [from, to] of Object.entries(fence.hosts)) {
    const hasPort = (name: string): boolean => /:\d{1,5}$/.test(name);
    if (hasPort(from) !== hasPort(to))
      tell(["fence", "hosts", from], `a port on both sides or on none, found "${from}" = "${to}"`);
  }
}

/** Consul takes no session of less: developer.hashicorp.com/consul/api-docs/session, "TTL". */
const consulLeastTtlMs = 10_000;

function lockMistakes({ kind, endpoints, ttl, user, secret_file }: Config["lock"]): [string, string][] {
  const mistakes: [string, string][] = [];
  if (kind === undefined) {
    if (endpoints.length > 0) mistakes.push(["endpoints", 'kind beside it, "etcd" or "consul", found none']);
    return mistakes;
  }
  if (endpoints.length === 0) mistakes.push(["endpoints", "at least one URL, found none"]);
  if (kind === "consul") {
    if (user !== undefined) mistakes.push(["user", "none: Consul knows tokens only, found one"]);
    if (ttl < consulLeastTtlMs)
      mistakes.push(["ttl", `at least "10s", for Consul takes no less, found ${ttl} ms`]);
  } else if ((user === undefined) !== (secret_file === undefined)) {
    mistakes.push([
      user === undefined ? "secret_file" : "user",
      "both user and secret_file, found one of them",
    ]);
  }
  return mistakes;
}

function describe(issue: z.core.$ZodIssue, raw: unknown, text: string, file: string): string {
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
  const line = lineOf(text, path);
  const place = line === undefined ? file : `${file}:${line}`;
  if (issue.code === "unrecognized_keys") {
    return `${place}: ${formatKeyPath(path)}: expected a key this version knows, found "${issue.keys.join('", "')}".`;
  }
  const expected = issue.code === "invalid_type" ? `${article(issue.expected)}` : issue.message;
  return `${place}: ${formatKeyPath(path)}: expected ${expected}, found ${found(raw, path)}.`;
}

function article(type: string): string {
  if (type === "object") return "a table";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** What stands at `path`, as TOML-like text. A value whose key names a secret is not repeated. */
function found(raw: unknown, path: readonly PropertyKey[]): string {
  let value: unknown = raw;
  for (const part of path) {
    value =
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined;
  }
  if (value === undefined) return "nothing";
  return isSecretKey(String(path.at(-1))) ? "(a value not shown)" : JSON.stringify(value);
}
