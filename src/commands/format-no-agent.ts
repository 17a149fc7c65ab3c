import { wallClock } from "../platform/clock.js";
import { formatDuration } from "../platform/duration.js";
import { type Colours, noColours } from "./colour.js";
import type { NoAgentDocument } from "./no-agent.js";
import { cutLines, type PageSize, type Row, row, rowLines, usualSize } from "./page.js";
import { wrap, wrapAfter } from "./wrap.js";

/** The page of a node whose agent does not answer: that, what it means, what to do, and what can be told all the same. */
export function formatNoAgent(
  document: NoAgentDocument,
  size: PageSize = usualSize,
  { bad, ...colours }: Colours = noColours,
): string {
  const { what, meaning, todo } = sentences(document);
  const lines = [
    ...wrap(what, size.width).map(bad),
    ...(meaning === "" ? [] : wrap(meaning, size.width).map(bad)),
    ...wrapAfter("To do: ", todo, size.width),
    "",
    ...rows(document).flatMap((fact) => rowLines(fact, size, { bad, ...colours })),
  ];
  return `${cutLines(lines, size, "There is more: `proxysql-carp status --json`.").join("\n")}\n`;
}

function sentences({ agent, node, role, why }: NoAgentDocument): {
  what: string;
  meaning: string;
  todo: string;
} {
  if (agent === "forbidden")
    return {
      what: `The agent on ${node}, this node, may not be asked by this user.`,
      meaning: "",
      todo: "Run this as root.",
    };
  if (agent === "refusing")
    return { what: why, meaning: "", todo: "`service proxysql_carp restart`, if it is of another version." };
  // What stands still while nobody looks after it depends on the side.
  const meaning =
    role === "MASTER"
      ? "This node is MASTER: changes of its configuration do not reach the peer, and a ProxySQL that dies stays dead."
      : "If this node becomes MASTER, its ProxySQL is not made ready for it; no newer configuration is brought in.";
  return agent === "silent"
    ? {
        what: `The agent on ${node}, this node, hangs: it took the question and gave no answer.`,
        meaning,
        todo: "`service proxysql_carp restart`; its lines in syslog tell what it did last.",
      }
    : {
        what: `The agent on ${node}, this node, does not run.`,
        meaning,
        todo: "`service proxysql_carp start`; if it ends again, its lines in syslog tell why.",
      };
}

function rows({ node, role, vhids, serving, newest, lastTransition, why, problems }: NoAgentDocument): Row[] {
  return [
    row("node", node),
    row("role", `${role} (by ifconfig)`, role === "unknown" ? "bad" : undefined),
    row("vhids", vhids.map((one) => `${one.vhid} ${one.role}`).join(", ")),
    row("proxysql", serving ? "serving" : "its client port does not answer", serving ? undefined : "bad"),
    row("configuration", describeNewest(newest)),
    ...lastRows(lastTransition),
    row("asked", why),
    ...(problems.length === 0 ? [] : [row("problems", problems, "warn")]),
  ];
}

function describeNewest(newest: NoAgentDocument["newest"]): string {
  if (newest === null) return "no snapshot in the store";
  const from = newest.box === "inbox" ? "received from the peer" : "taken here";
  return `newest in the store: ${newest.text}, ${from}, ${formatDuration(newest.ageMs)} old`;
}

function lastRows(last: NoAgentDocument["lastTransition"]): Row[] {
  if (last === null) return [];
  const age = formatDuration(Math.max(0, wallClock() - Date.parse(last.at)));
  return [row("last change", `${last.before} -> ${last.role} ${age} ago, as far as the journal tells`)];
}
