import { formatDuration } from "../platform/duration.js";
import { formatSize } from "../platform/size.js";
import type { DevdFacts, DiskFacts, Facts, ShadowedEvent } from "./facts.js";
import type { Finding } from "./reason.js";

/** A round that fails once is made again within seconds; a promotion has some that may fail. */
const lastErrorMs = 5_000;

/** Reasons about this host and the agent itself. */
export function findHost(facts: Facts): Finding[] {
  return [
    ...stepFailed(facts),
    ...findDisks(facts.host.disks),
    ...findDevd(facts.host.devd),
    ...journal(facts),
    ...http(facts),
  ];
}

function stepFailed({ node, host }: Facts): Finding[] {
  if (host.lastError === null || host.lastErrorForMs < lastErrorMs) return [];
  return [
    {
      code: "step-failed",
      about: null,
      sentence: `The agent of ${node} has not got done what should be done for ${formatDuration(host.lastErrorForMs)}: ${host.lastError}`,
      todo: 'Mend what the sentence names; the agent tries again by itself. Its log has every attempt as "a step failed".',
    },
  ];
}

/** File systems that are nearly full. */
export function findDisks(disks: readonly DiskFacts[]): Finding[] {
  return disks
    .filter(({ low }) => low)
    .map(({ path, free, total }) => ({
      code: "disk-nearly-full",
      about: path,
      sentence: `${path} has ${formatSize(free)} of ${formatSize(total)} left: snapshots, the journal or ProxySQL's database soon cannot be written.`,
      todo: `Make room: \`df -h ${path}\`, \`du -xh -d 2 ${path}\`; fewer snapshots by [snapshots] keep.`,
    }));
}

/** What keeps devd from calling our hook. */
export function findDevd(devd: DevdFacts | null): Finding[] {
  return devd === null ? [] : [...devdMissing(devd), ...devdShadowed(devd)];
}

function devdMissing(devd: DevdFacts): Finding[] {
  if (devd.broken !== null) {
    return [
      {
        code: "devd-rule-missing",
        about: null,
        sentence: `devd cannot read its configuration and so does not start: ${devd.broken}. Changes of the role are then seen only by the timer, after up to [carp] reconcile.`,
        todo: "Correct that file, then `service devd restart` and look whether it runs.",
      },
    ];
  }
  if (devd.missing.length === 0) return [];
  return [
    {
      code: "devd-rule-missing",
      about: null,
      sentence: `No rule of devd's calls proxysql-carp for ${devd.missing.join(", ")}: such a change of the role is seen late, after up to [carp] reconcile.`,
      todo: "Put devd/carp.conf of this program to /usr/local/etc/devd/proxysql-carp.conf, then `service devd restart`.",
    },
  ];
}

function devdShadowed({ shadowed }: DevdFacts): Finding[] {
  const first = shadowed[0];
  if (first === undefined) return [];
  return [
    {
      code: "devd-rule-shadowed",
      about: null,
      sentence: `devd runs only the first of the rules with the highest priority, and for ${shadowed.map(({ event }) => event).join(", ")} ${tellShadow(first)}: such a change of the role is seen late, after up to [carp] reconcile.`,
      todo: `Give the rule at ${first.ours} a priority above ${first.priority}, with the actions of ${first.by} added to it; then \`service devd restart\`.`,
    },
  ];
}

function tellShadow({ by, ours, priority, tie }: ShadowedEvent): string {
  return tie
    ? `the rules at ${by} and at ${ours} both have priority ${priority}, so that nobody knows which one that is`
    : `that is the one at ${by} with priority ${priority}, not ours at ${ours}`;
}

function journal({ node, host, names }: Facts): Finding[] {
  if (host.journalWritable) return [];
  return [
    {
      code: "journal-not-writable",
      about: null,
      sentence: `The agent of ${node} cannot write its journal in ${names.stateDir}: a promotion could not be recorded, and history is being lost.`,
      todo: `\`df -h ${names.stateDir}\` and \`ls -l ${names.stateDir}/journal.db*\`; the log has "the journal cannot be written" with the cause.`,
    },
  ];
}

function http({ node, host }: Facts): Finding[] {
  if (host.http === null) return [];
  return [
    {
      code: "http-not-listening",
      about: null,
      sentence: `The HTTP page of ${node} is not served: ${host.http}`,
      todo: "See with `sockstat -l` who has the address of [http] listen, or choose another one.",
    },
  ];
}
