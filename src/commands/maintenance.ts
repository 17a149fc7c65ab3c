import { loadConfig } from "../config/load.js";
import { printable } from "../platform/printable.js";
import type { MaintenanceView } from "../role/care.js";
import { askAgent } from "./ask-agent.js";

export interface MaintenanceOptions {
  readonly note?: string;
  readonly forcePromotion?: boolean;
  readonly json?: boolean;
}

/** `maintenance on|off|status`: whether this node looks and reports but does not act. */
export async function maintenance(
  configFile: string,
  action: "on" | "off" | "status",
  { note, forcePromotion, json }: MaintenanceOptions,
): Promise<number> {
  const config = loadConfig(configFile);
  const request =
    action === "status"
      ? { op: "maintenance-status" as const }
      : {
          op: "maintenance" as const,
          on: action === "on",
          ...(note === undefined ? {} : { note }),
          forcePromotion: forcePromotion === true,
        };
  const answer = await askAgent(config, request);
  const view = answer.maintenance as MaintenanceView | null;
  const document = { schema: "proxysql-carp/maintenance/v1", node: config.node.name, maintenance: view };
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : describe(config.node.name, view));
  return 0;
}

function describe(node: string, view: MaintenanceView | null): string {
  if (view === null) return `${node} is not in maintenance: the agent acts.\n`;
  const lines = [
    `${node} is in maintenance since ${view.since}: the agent looks and reports, and does not act.`,
    view.forcePromotion
      ? "It takes over all the same if it becomes MASTER."
      : "It does not take over if it becomes MASTER.",
    ...(view.note === null ? [] : [`Note: ${printable(view.note)}`]),
    "End it with `proxysql-carp maintenance off`.",
  ];
  return `${lines.join("\n")}\n`;
}
