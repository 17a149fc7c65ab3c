import { chooseTaker, type PairNow } from "./pair.js";

/** What a switchover does, in this order. */
export const switchoverSteps = [
  "check",
  "ship",
  "record",
  "pause",
  "drain",
  "demote",
  "move",
  "prove",
  "settle",
] as const;

export type SwitchoverStep = (typeof switchoverSteps)[number];

export interface PlannedStep {
  readonly step: SwitchoverStep;
  /** For people, in the present tense. */
  readonly what: string;
}

/** The steps that move the role from this node to the peer. A ProxySQL that does not answer has no clients to drain. */
export function planSwitchover(now: PairNow): PlannedStep[] {
  const from = now.node.name;
  const taker = chooseTaker(now);
  const to = taker?.name ?? now.to ?? "the peer";
  const warm = now.node.standby === "warm";
  const drain: PlannedStep[] = now.node.admin
    ? [
        { step: "pause", what: `${from} takes no new clients` },
        { step: "drain", what: "clients that are connected may finish" },
      ]
    : [];
  const aside = taker?.demotion?.why === "switchover" ? `${to} stops standing aside, ` : "";
  return [
    { step: "check", what: `ask ${to} whether it is ready` },
    { step: "ship", what: `${to} has and ${warm ? "runs" : "has in place"} what ${from} runs` },
    { step: "record", what: "write the intent down" },
    ...drain,
    { step: "demote", what: `${aside}${from} demotes itself in CARP` },
    { step: "move", what: `${to} becomes MASTER` },
    { step: "prove", what: `${to} serves` },
    { step: "settle", what: `${from} stands by` },
  ];
}
