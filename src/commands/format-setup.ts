import { printable } from "../platform/printable.js";
import type { NextStep } from "../setup/next-steps.js";
import type { Conflict, FilePlan } from "../setup/plan.js";
import type { Draft } from "../setup/prepare.js";
import type { RemoveStep } from "../setup/remove.js";
import type { Found } from "../setup/settings.js";

const width = 80;

/** `Found`: what the host told of itself. */
export function formatFound({ node, carp, carpProblem, proxysql, existing }: Found): string {
  const vhids = carp.map(
    ({ vhid, role, advskew }) => `${vhid} (${role}${advskew === undefined ? "" : `, advskew ${advskew}`})`,
  );
  const rows: (readonly [string, string])[] = [
    ["host", printable(node ?? "no name that a node can have")],
    [
      "CARP",
      vhids.length > 0 ? vhids.join(", ") : `none (${printable(carpProblem ?? "ifconfig shows no vhid")})`,
    ],
    ["ProxySQL", printable(describeProxysql(proxysql))],
    [
      "set up",
      existing === null
        ? "not yet"
        : `as ${existing.node.name}, with ${existing.peer.map(({ name }) => name).join(", ")}`,
    ],
  ];
  return `Found\n${table(rows)}`;
}

function describeProxysql({
  file,
  problem,
  datadir,
  adminHost,
  adminPort,
  adminSocket,
  users,
}: Found["proxysql"]): string {
  if (file === null) return "no configuration file in the usual places";
  if (problem !== null) return `${file}: ${problem}`;
  const admin = adminHost === null ? adminSocket : `${adminHost}:${adminPort}`;
  const login = users[0] === undefined ? "no login" : `login ${users[0]} with its password`;
  return [
    file,
    ...(datadir === null ? [] : [`data in ${datadir}`]),
    ...(admin === null ? [] : [`admin at ${admin}`]),
    login,
  ].join(", ");
}

/** `Plan`: everything that is going to be done, before it is done. */
export function formatPlan(root: string, draft: Draft, { steps, kept, conflicts }: FilePlan): string {
  const { settings, hostKey } = draft;
  const { peer, proxysql } = settings;
  const admin = proxysql.adminSocket ?? `${proxysql.adminHost}:${proxysql.adminPort}`;
  const why = {
    given: "given",
    pinned: "pinned already",
    fingerprint: "as the fingerprint given",
    confirmed: "confirmed",
  };
  const rows: (readonly [string, string])[] = [
    ["node", `${settings.node}, ${settings.standby}, follows ${settings.vhids.join(", ")}`],
    [
      "ProxySQL",
      printable(
        `service ${proxysql.service}, data in ${proxysql.datadir}, admin at ${admin} as ${proxysql.adminUser}`,
      ),
    ],
    ["peer", `${peer.name}, ${peer.user}@${peer.host} port ${peer.port}`],
    [
      "its key",
      `${hostKey.line.split(" ")[0]} ${hostKey.fingerprint}, ${hostKey.trusted === null ? "not confirmed yet" : why[hostKey.trusted]}`,
    ],
  ];
  const lines = [
    ...(draft.user === "make" ? ["  make        user         proxysql-carp"] : []),
    ...steps.map(({ action, file }) => {
      const mode = file.mode.toString(8).padStart(4, "0");
      return `  ${action.padEnd(7)}${mode} ${file.what.padEnd(13)}${printable(file.path)}`;
    }),
    ...(draft.enable === null ? [] : ["  set         rc.conf      proxysql_carp_enable=YES"]),
    ...(kept.length === 0
      ? []
      : [`  ${kept.length} ${kept.length === 1 ? "file is" : "files are"} as they should be.`]),
    ...formatConflicts(conflicts),
    ...draft.remarks.map((remark) => wrap(`Note: ${remark}`, "  ")),
  ];
  return `Plan${root === "" ? "" : ` (below ${printable(root)})`}\n${table(rows)}${lines.join("\n")}\n`;
}

/** One line for each file that stands in the way. */
function formatConflicts(conflicts: readonly Conflict[]): string[] {
  return conflicts.map(({ path, why }) => wrap(`Refused: ${printable(path)}: ${why}.`, "  "));
}

/** What is left to the operator. Lines to be copied are never broken. */
export function formatNext(steps: readonly NextStep[]): string {
  const blocks = steps.map(
    ({ what, lines }) =>
      `${wrap(`${what}:`, "")}\n\n${lines.map((line) => `    ${printable(line)}\n`).join("")}`,
  );
  return `\n${blocks.join("\n")}`;
}

const removeWords = { remove: "remove", restore: "put back", keep: "keep", gone: "gone" };
const keepWords = {
  changed: "somebody changed it since",
  used: "something was written to it",
  "no file": "it is no plain file",
};

/** What a removal is going to do. */
export function formatRemoval(root: string, steps: readonly RemoveStep[], more: readonly string[]): string {
  const lines = steps
    .filter(({ action }) => action !== "gone")
    .map(({ action, path, why }) => {
      const cause = why === null ? "" : ` (${keepWords[why]})`;
      return `  ${removeWords[action].padEnd(9)}${printable(path)}${cause}`;
    });
  const all = [...lines, ...more.map((one) => `  ${one}`)];
  return `Plan${root === "" ? "" : ` (below ${printable(root)})`}\n${all.join("\n")}\n`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  return rows
    .map(([name, value]) => `${wrap(`${name.padEnd(10)}${value}`, "  ", "            ")}\n`)
    .join("");
}

/** Breaks a text at blanks; a word that is too long stays whole. */
function wrap(text: string, indent: string, hanging = `${indent}  `): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(/(?<=\S) (?=\S)/)) {
    if (line.trim() !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = hanging;
    }
    line += line.trim() === "" ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}
