import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type DevdConfig, readDevdConfig, verdictOf } from "../carp/devd-config.js";
import { type DevdEvent, ruleMatches } from "../carp/devd-match.js";
import { DevdSyntaxError, type NotifyRule, parseDevdFile } from "../carp/devd-rules.js";
import { KnownError } from "../platform/errors.js";
import { statOrUndefined } from "../platform/files.js";
import { printable } from "../platform/printable.js";
import { below, places } from "./places.js";

const everyVhid = /(match "subsystem"\s+)"[^"]*"/g;
const roles = ["MASTER", "BACKUP", "INIT"];

/**
 * The rule as delivered, for these vhids alone. It is parsed as devd would: one mistake would keep the whole devd from
 * starting (`not-done`).
 */
export function devdRuleFor(delivered: string, vhids: readonly string[]): string {
  const patterns = vhids.map((vhid) => vhid.replaceAll(".", "\\."));
  const pattern = patterns.length === 1 ? patterns[0] : `(${patterns.join("|")})`;
  const text = delivered.replace(everyVhid, (_, before: string) => `${before}"${pattern}"`);
  const { rules } = parsed(text);
  for (const event of eventsOf(vhids)) {
    if (rules.some((rule) => ruleMatches(rule, event, new Map()))) continue;
    throw new KnownError("not-done", `The devd rule would not match ${event.type} of ${event.subsystem}.`);
  }
  return text;
}

/** What the operator should know of devd's other rules, with ours among them. Sentences. */
export async function devdRemarks(root: string, text: string, vhids: readonly string[]): Promise<string[]> {
  const odd = await oddFile(root);
  if (odd !== undefined)
    return [`devd cannot read ${printable(odd)}, which is no file: its rules were not looked at.`];
  const present = await readDevdConfig(root);
  if (present === null) return [];
  if (present.broken !== null) {
    return [
      `devd does not start with its present configuration: ${present.broken}. Its other rules were not looked at.`,
    ];
  }
  const { rules } = parsed(text);
  const isOther = ({ file }: NotifyRule): boolean => file !== places.devdRule;
  const config: DevdConfig = { ...present, rules: [...present.rules.filter(isOther), ...rules] };
  const found = eventsOf(vhids).flatMap((event) => remarksOf(config, event));
  return [...new Set(found)];
}

/** A FIFO among devd's files would hold whoever opens it, and devd too. */
async function oddFile(root: string): Promise<string | undefined> {
  for (const directory of ["/etc/devd", "/usr/local/etc/devd"]) {
    const names = await readdir(below(root, directory)).catch(() => []);
    for (const name of names.filter((one) => one.endsWith(".conf"))) {
      const path = join(directory, name);
      if ((await statOrUndefined(below(root, path)))?.isFile() !== true) return path;
    }
  }
  return undefined;
}

function remarksOf(config: DevdConfig, event: DevdEvent): string[] {
  const what = `events of ${event.subsystem}`;
  const { by, tie } = verdictOf(config, event);
  if (by !== null) {
    const why = tie ? "has the same priority, so that either may win" : "comes before ours";
    return [
      `devd: the rule at ${by.file}:${by.line} (${by.priority}) matches ${what} and ${why}. ` +
        "devd runs one rule for an event: give that one a lower priority, or let it call our hook too.",
    ];
  }
  return config.rules
    .filter((rule) => rule.file !== places.devdRule && ruleMatches(rule, event, config.variables))
    .map(
      ({ file, line, priority }) =>
        `devd: the rule at ${file}:${line} (${priority}) no longer runs for ${what}: ours comes before it. ` +
        `What it does for them has to be added to ${places.devdRule}.`,
    );
}

function eventsOf(vhids: readonly string[]): DevdEvent[] {
  return vhids.flatMap((subsystem) => roles.map((type) => ({ system: "CARP", subsystem, type })));
}

function parsed(text: string): ReturnType<typeof parseDevdFile> {
  try {
    return parseDevdFile(text, places.devdRule);
  } catch (error) {
    if (!(error instanceof DevdSyntaxError)) throw error;
    throw new KnownError("not-done", `devd would not start with our rule: ${error.message}.`, {}, error);
  }
}
