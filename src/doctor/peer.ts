import { otherVersion } from "../health/other-version.js";
import { mismatch, skewed, skewLimitMs } from "../health/peer.js";
import type { PeerAddress } from "../peer/connect.js";
import { parsePublicKey } from "../peer/keys.js";
import type { PeerStatus } from "../peer/peer-status.js";
import { formatDuration } from "../platform/duration.js";
import { isKnown } from "../platform/errors.js";
import { readReport } from "../ship/peer-report.js";
import type { ClockSeen } from "./peer-link.js";
import { failedWith, failing, notChecked, ok, type Verdict, warning } from "./verdict.js";

export function judgeName(host: string, addresses: readonly string[]): Verdict {
  const [first] = addresses;
  return ok(first === host ? `${host} is an address` : `${host} is ${addresses.join(", ")}`);
}

/** How the login went: undefined if it did, else the error of `connectPeer`. */
export type LoginSeen = unknown;

export function judgeHostKey({ name, hostKey }: PeerAddress, error: LoginSeen): Verdict {
  // Our key is offered only to a host that has proven its own.
  const isProven = error === undefined || (isKnown(error, "peer-login") && "fingerprint" in error.fields);
  if (isProven) return ok(`${parsePublicKey(hostKey).type}, the pinned one`);
  if (isKnown(error, "peer-login")) return notChecked("without our own key nothing is tried");
  if (isKnown(error, "peer-host-key")) {
    return failedWith(
      error,
      `If ${name} was reinstalled, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` there and put its new key into [[peer]] host_key. If not, somebody stands in between.`,
    );
  }
  return failedWith(error);
}

export function judgeLogin({ user, name }: PeerAddress, error: LoginSeen): Verdict {
  if (error === undefined) return ok(`our key is accepted for user ${user}`);
  if (!isKnown(error, "peer-login")) return notChecked("the host is not proven");
  if (!("fingerprint" in error.fields))
    return failedWith(error, "Make a key pair with `proxysql-carp setup`, or correct [[peer]] key_file.");
  return failedWith(
    error,
    `On ${name}, put this node's public key into ~${user}/.ssh/authorized_keys with the forced command (\`proxysql-carp setup\` here shows the line); its /var/log/auth.log says why sshd refused.`,
  );
}

/** `greeting`: who answered, or the error. */
export function judgeCommand(
  { name }: PeerAddress,
  greeting: { readonly node: string; readonly version: string } | { readonly error: unknown },
): Verdict {
  if ("node" in greeting) return ok(`serve answers as node ${greeting.node}`);
  return failedWith(
    greeting.error,
    `On ${name}, run the command="..." of the key's line in authorized_keys by hand as that user: it must be \`proxysql-carp serve\` and wait. [[peer]] name here must be [node] name there.`,
  );
}

export function judgeClock({ name }: PeerAddress, { skewMs, roundTripMs }: ClockSeen): Verdict {
  const off = Math.abs(skewMs) - roundTripMs / 2;
  const [finding] = off < skewLimitMs ? [] : skewed({ name, skewMs, skewedForMs: Number.POSITIVE_INFINITY });
  if (finding !== undefined) return warning(finding.sentence, finding.todo);
  return ok(`${skewMs >= 0 ? "+" : ""}${skewMs} ms, round trip ${formatDuration(roundTripMs)}`);
}

export function judgePeerVersion(
  { name }: PeerAddress,
  node: string,
  versions: { readonly ours: string; readonly theirs: string },
): Verdict {
  const agentVersions = otherVersion(versions.ours, versions.theirs);
  const lasting = { name, agentVersions, proxysqlVersions: null, mismatchForMs: Number.POSITIVE_INFINITY };
  const [finding] = mismatch(lasting, node);
  return finding === undefined
    ? ok(`${versions.theirs} there, ${versions.ours} here`)
    : warning(finding.sentence, finding.todo);
}

export function judgePeerAgent({ name }: PeerAddress, { agent, report: told }: PeerStatus): Verdict {
  if (agent === "down") {
    const verdict = failing(
      `On ${name} sshd answers but no agent: it would not take over.`,
      `On ${name}: \`service proxysql_carp status\`, look into its log, \`service proxysql_carp start\` (or \`restart\`, if it hangs).`,
    );
    return { ...verdict, unreachable: true };
  }
  const report = readReport(told);
  if (report === null)
    return warning(`The agent of ${name} tells of itself what cannot be read.`, `Run this on ${name} too.`);
  const { role, ready, maintenance, reasons = [] } = report;
  if (maintenance === true)
    return warning(`${name} is in maintenance.`, `On ${name}, when done: \`proxysql-carp maintenance off\`.`);
  if (ready === false && role !== "MASTER") {
    return warning(
      `${name} says that it is not fit to take over${reasons.length === 0 ? "" : `: ${reasons.join(", ")}`}.`,
      `On ${name}: \`proxysql-carp reasons\` says what to do.`,
    );
  }
  return ok(`answers, role ${role}`);
}
