import { probeLimits } from "../peer/probe-limits.js";
import { type ProbeTimes, probeOver } from "../peer/probe-over.js";
import type { Session } from "../peer/session.js";
import { formatDuration } from "../platform/duration.js";
import { isKnown } from "../platform/errors.js";
import { withScratch } from "../platform/scratch-directory.js";
import { formatSize } from "../platform/size.js";
import type { Manifest } from "../snapshot/manifest.js";
import { makeProbe } from "./probe-content.js";
import type { NewestSeen } from "./store.js";
import { failedWith, ok, type Verdict, warning } from "./verdict.js";

const timings = { answerMs: 10_000, verdictMs: 60_000 };

/** Sends the newest snapshot, or a small one made for it if that is none, to the peer's disk and back. */
export async function tryRoundTrip(
  session: Session,
  newest: NewestSeen | null,
  node: string,
): Promise<ProbeTimes> {
  if (newest?.refusal === null && isSmall(newest.manifest))
    return probeOver(session, newest.dir, newest.manifest, timings);
  return withScratch(async (dir) => {
    return probeOver(session, dir, await makeProbe(dir, node), timings);
  });
}

function isSmall({ packed, tls, database }: Manifest): boolean {
  const bytes = tls.reduce((sum, { size }) => sum + size, packed.size);
  return bytes <= probeLimits.packed && database.size <= probeLimits.unpacked;
}

/** `peer`: its name. */
export function judgeRoundTrip(peer: string, seen: ProbeTimes | { readonly error: unknown }): Verdict {
  if ("bytes" in seen) {
    const { bytes, thereMs, verifyMs, backMs } = seen;
    const times = `there ${formatDuration(thereMs)}, verified ${formatDuration(verifyMs)}, back ${formatDuration(backMs)}`;
    return ok(`${formatSize(bytes)} ${times}`);
  }
  const { error } = seen;
  const cause = isKnown(error, "peer-refused") ? error.fields.cause : undefined;
  switch (cause) {
    case "not-asked-so":
      return warning(
        `Peer ${peer} is of a version that knows no probe: its disk was not tried.`,
        `Update proxysql-carp on ${peer}, while it is passive.`,
      );
    case "busy":
      return warning(
        `On ${peer} another probe is being tried at this moment.`,
        "Run this again when the other doctor has ended.",
      );
    case "disk-full":
      return failedWith(
        error,
        `On ${peer}: \`df -h\` of [node] state_dir, make room there; fewer snapshots by [snapshots] keep.`,
      );
    case "failed":
      return failedWith(
        error,
        `On ${peer}: look at the directory probe in [node] state_dir and its disk (\`ls -ld\`, \`mount\`, \`df\`); it belongs to the link's user, 0700, and the agent makes it at its start.`,
      );
    default:
      return failedWith(
        error,
        `What goes to ${peer} does not come back whole: look at its disk and memory (\`dmesg\`, \`zpool status\`) before you trust a snapshot there.`,
      );
  }
}
