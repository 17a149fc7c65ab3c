import { z } from "zod";
import { manifestSchema } from "../snapshot/manifest.js";

/** What an agent tells its peers about itself over the link. Fields are only ever added. */
const reportSchema = z.looseObject({
  role: z.enum(["MASTER", "BACKUP", "INIT", "unknown"]),
  leads: z.number().nullable(),
  running: manifestSchema.shape.lineage.nullable(),
});

export type PeerReport = z.infer<typeof reportSchema>;

/** A peer agent's report, or null if it sent none that we can read. */
export function readReport(report: unknown): PeerReport | null {
  return reportSchema.safeParse(report).data ?? null;
}
