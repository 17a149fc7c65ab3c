import { linkUser, places, serviceName } from "./places.js";
import type { Draft } from "./prepare.js";
import { authorizedKeysLine, sshdSnippet } from "./serving.js";
import { useraddCommand } from "./system.js";

/** Something that is left to the operator: a sentence, and what to type or to put somewhere. */
export interface NextStep {
  readonly what: string;
  readonly lines: readonly string[];
}

/** What setup leaves to people, because it is on another host or touches what others use too. */
export function nextSteps(
  draft: Draft,
  done: { readonly enabled: boolean; readonly peerKey: boolean },
): NextStep[] {
  const { settings, serving, key, user } = draft;
  const { peer } = settings;
  const steps: NextStep[] = [
    {
      what: `On ${peer.name}: let this node in, by this line of its ${places.authorizedKeys} (setup --peer-key adds it there)`,
      lines: [authorizedKeysLine(serving, key.pair.publicLine)],
    },
    {
      what: "On both: at the end of /etc/ssh/sshd_config, then service sshd reload",
      lines: sshdSnippet.split("\n"),
    },
  ];
  if (!done.peerKey)
    steps.push({
      what: `Here: let ${peer.name} in, with its own ${places.publicKey}`,
      lines: [`proxysql-carp setup --yes --peer-key FILE`],
    });
  if (user === "by hand")
    steps.push({
      what: `Here: make the user that ${peer.name} logs in as; the configuration is to be its group's`,
      lines: [useraddCommand, `chgrp ${linkUser} ${serving.configFile}`],
    });
  steps.push({
    what: "Here: put it to work",
    lines: [
      "service devd restart",
      "service syslogd reload",
      ...(done.enabled ? [] : [`sysrc ${serviceName}_enable=YES`]),
      "sysrc -f /etc/periodic.conf daily_proxysql_carp_enable=YES",
      `service ${serviceName} start`,
      "proxysql-carp status",
    ],
  });
  return steps;
}

/** After a removal. */
export const stepsAfterRemoval: readonly NextStep[] = [
  {
    what: "devd and syslogd still have what was removed",
    lines: ["service devd restart", "service syslogd reload"],
  },
];
