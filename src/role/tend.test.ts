import { describe, expect, it } from "vitest";
import type { Care, Observed } from "./observed.js";
import { plan } from "./plan.js";
import { calm, down, first, observed, peer, ranked, up } from "./test-observed.js";

const deaf = { ...up, serving: false };
const leading = { role: "MASTER", leads: 6, shipping: true, running: ranked(6, 3, "a", first) } as const;

function kinds(change: Partial<Observed>, care: Partial<Care> = {}): string {
  const now = observed({ ...change, care: { ...calm, ...care } });
  return plan(now)
    .map((step) => (step.kind === "demote" ? `demote:${step.why}` : step.kind))
    .join(" ");
}

describe("a MASTER whose ProxySQL is sick", () => {
  it.each([
    ["dead", down],
    ["deaf", deaf],
    ["without an admin that answers", { ...up, admin: false }],
  ])("starts one that is %s anew", (_, proxysql) => {
    expect(kinds({ ...leading, proxysql })).toBe("halt start prove");
  });

  it("waits out the pause between two starts", () => {
    expect(kinds({ ...leading, proxysql: down }, { tries: 1, nextTryInMs: 700 })).toBe("");
  });

  it("gives the address away after the last try, if a peer is ready", () => {
    expect(kinds({ ...leading, proxysql: down }, { tries: 2 })).toBe("demote:given-away");
  });

  it.each([
    ["is not ready", { ready: false }],
    ["does not say", { ready: null }],
    ["cannot be reached", { reachable: false }],
    ["is MASTER itself", { role: "MASTER" as const }],
    ["has no link", { role: "INIT" as const }],
  ])("goes on trying when the peer %s", (_, view) => {
    expect(kinds({ ...leading, proxysql: down, peers: [peer(view)] }, { tries: 9 })).toBe("halt start prove");
  });

  it("stays when the role has moved too often", () => {
    expect(kinds({ ...leading, proxysql: down }, { tries: 9, mayMove: false })).toBe("halt start prove");
  });

  it("steps aside when the demotion moved nothing", () => {
    const shared = { tries: 2, share: "given-away", nextTryInMs: 500 } as const;
    expect(kinds({ ...leading, proxysql: down }, { ...shared, yieldDue: true })).toBe("yield");
    expect(kinds({ ...leading, proxysql: down }, { ...shared, yieldDue: false })).toBe("");
  });

  it("starts nothing while the role is about to move, and goes on trying when it did not", () => {
    const shared = { tries: 2, share: "given-away" } as const;
    expect(kinds({ ...leading, proxysql: down }, { ...shared, moving: true })).toBe("");
    expect(kinds({ ...leading, proxysql: down }, { ...shared, moving: false })).toBe("halt start prove");
    const alone = { ...leading, proxysql: down, peers: [peer({ ready: false })] };
    expect(kinds(alone, { ...shared, moving: true })).toBe("halt start prove");
  });

  it("gives away what it could not take over", () => {
    const gained = { role: "MASTER", proxysql: down } as const;
    expect(kinds(gained, { tries: 1, tryLimit: 3 })).toBe("halt start prove");
    expect(kinds(gained, { tries: 3, tryLimit: 3 })).toBe("demote:given-away");
  });

  it("takes its share back when it is well and still MASTER", () => {
    expect(kinds(leading, { share: "given-away" })).toBe("take-back");
  });
});

describe("a snapshot that ProxySQL does not live with", () => {
  const bad = ranked(5, 10, "a");

  it("is passed over after one failure on the MASTER, after two on a passive node", () => {
    const trial = { ranked: bad, failures: 1 };
    expect(kinds({ role: "MASTER", running: bad, trial })).toBe("reject");
    expect(kinds({ running: bad, best: bad, trial })).toBe("prove");
    expect(kinds({ running: bad, best: bad, trial: { ...trial, failures: 2 } })).toBe("reject");
  });

  it("gives way to the one before, in the same promotion", () => {
    const older = ranked(5, 9, "a");
    const before = ranked(5, 8, "a");
    const now = { role: "MASTER", proxysql: down, running: before, best: older, canPutBack: true } as const;
    expect(kinds(now)).toBe("halt install start prove open-epoch");
  });

  it("gives way to a peer's that adds nothing, once ours has been tried in vain", () => {
    const ours = ranked(1, 2, "a", null, "edited");
    const theirs = ranked(2, 1, "b", ranked(1, 1, "a"));
    const now = { role: "MASTER", proxysql: down, running: ours, best: theirs, peers: [] } as const;
    expect(kinds(now, { tries: 1 })).toBe("halt start prove");
    expect(kinds(now, { tries: 2 })).toBe("halt install start prove");
  });

  it("leaves no supervisor that waits to start it again, so that the next start is one", () => {
    const now = { proxysql: down, running: first, best: null, givenUp: true } as const;
    expect(kinds({ ...now, role: "MASTER" })).toBe("halt start prove open-epoch");
    expect(kinds({ ...now, best: first, drifted: true })).toBe("halt install start prove");
  });

  it("gives way to what the node had when there is none before", () => {
    const now = { role: "MASTER", proxysql: down, running: first, best: null, canPutBack: true } as const;
    expect(kinds(now)).toBe("halt put-back start prove open-epoch");
    expect(kinds({ ...now, proxysql: up })).toBe("halt put-back start prove open-epoch");
  });
});

describe("doubts about snapshots that may be ProxySQL's own fault", () => {
  const doubted = { unsure: true, best: null } as const;

  it("are looked at again once it serves, on each kind of node", () => {
    expect(kinds(doubted)).toBe("prove");
    expect(kinds({ ...doubted, proxysql: down })).toBe("start prove");
    expect(kinds({ ...leading, ...doubted })).toBe("prove");
  });

  it("do not keep a passive node busy that does not serve", () => {
    expect(kinds({ ...doubted, proxysql: deaf })).toBe("");
    expect(kinds({ ...doubted, proxysql: down, standby: "cold" })).toBe("");
  });

  it("are settled before an epoch is opened without them", () => {
    expect(kinds({ ...doubted, role: "MASTER" })).toBe("prove");
    expect(kinds({ ...doubted, role: "MASTER", unsure: false })).toBe("prove open-epoch");
  });
});

describe("a snapshot that was begun and never got into its place", () => {
  it("leaves nothing to prove on a leading MASTER", () => {
    const trial = { ranked: ranked(5, 10, "b"), failures: 0 };
    expect(kinds({ ...leading, trial })).toBe("");
    expect(kinds({ ...leading, trial, unsure: true })).toBe("");
    expect(kinds({ ...leading, trial: { ...trial, ranked: leading.running } })).toBe("prove");
  });
});

describe("a MASTER on which nothing can be put in place", () => {
  const bad = ranked(5, 10, "a");

  it("starts what it has, and leads", () => {
    const gained = {
      role: "MASTER",
      proxysql: down,
      best: bad,
      peers: [peer({ best: ranked(5, 11, "a") })],
    } as const;
    expect(kinds(gained)).toBe("fetch");
    expect(kinds(gained, { cannotPlace: true })).toBe("start prove open-epoch");
    expect(kinds({ ...gained, canPutBack: true, best: first }, { cannotPlace: true })).toBe(
      "halt start prove open-epoch",
    );
    expect(kinds({ role: "MASTER", best: bad }, { cannotPlace: true })).toBe("prove open-epoch");
  });
});

describe("a passive node's share of demotion", () => {
  it("is added when the node is not fit, before anything that may fail", () => {
    expect(kinds({ proxysql: down }, { fit: false })).toBe("demote:unready start prove");
    expect(kinds({ role: "INIT" }, { fit: false })).toBe("demote:unready");
  });

  it("is left as it is while nobody knows", () => {
    expect(kinds({}, { fit: null })).toBe("");
    expect(kinds({}, { fit: null, share: "unready" })).toBe("");
  });

  it("is taken back when the node is fit, no sooner than flap damping allows", () => {
    expect(kinds({}, { share: "unready" })).toBe("take-back");
    expect(kinds({}, { share: "unready", mayMove: false })).toBe("");
    expect(kinds({}, { share: "given-away", recovered: false })).toBe("");
    expect(kinds({}, { share: "given-away" })).toBe("take-back");
  });

  it("stays while ProxySQL is dead, though health has not judged that yet", () => {
    const shared = { share: "given-away" } as const;
    expect(kinds({ proxysql: down }, shared)).toBe("start prove");
    expect(kinds({ proxysql: deaf }, shared)).toBe("");
    expect(kinds({ proxysql: down, standby: "cold" }, shared)).toBe("take-back");
  });

  it("comes first when what an earlier process began is not finished", () => {
    expect(kinds({}, { shareSettled: false, share: "unready" })).toBe("settle-share");
  });
});

describe("in maintenance", () => {
  const maintenance = { forcePromotion: false };

  it("a node is not promoted unless forced", () => {
    const gained = { role: "MASTER", best: ranked(5, 10, "a") } as const;
    expect(kinds({ ...gained, maintenance })).toBe("");
    expect(kinds({ ...gained, maintenance: { forcePromotion: true } })).toBe("apply prove open-epoch");
  });

  it("a MASTER's ProxySQL is left alone, and its snapshots go on", () => {
    expect(kinds({ ...leading, proxysql: down, shipping: false, maintenance }, { tries: 9 })).toBe("ship");
  });

  it("a passive node carries a share, applies nothing, and lets a lost lead go", () => {
    expect(kinds({ best: ranked(5, 10, "a"), maintenance })).toBe("demote:maintenance");
    expect(kinds({ leads: 5, maintenance }, { share: "maintenance" })).toBe("release purge");
  });
});

const paused = { ...up, paused: true, serving: false };

describe("while the role is being given away", () => {
  it("ProxySQL and our share are in the hands of the switchover", () => {
    expect(kinds({ ...leading, switching: true, proxysql: paused }, { share: "switchover" })).toBe("");
    expect(kinds({ ...leading, switching: true, proxysql: down }, { tries: 9 })).toBe("");
    expect(kinds({ ...leading, switching: true, shipping: false })).toBe("ship");
  });

  it("the lost role is followed at once, and the share stays until it is over", () => {
    const lost = { role: "BACKUP", leads: 5, switching: true } as const;
    expect(kinds(lost, { share: "switchover" })).toBe("release purge");
    expect(kinds({ switching: true }, { share: "switchover" })).toBe("");
  });

  it("clients are taken again on the node that stands by, which must be ready", () => {
    const shared = { share: "switchover", standsAside: true } as const;
    expect(kinds({ proxysql: paused, pausedByUs: true }, shared)).toBe("resume prove");
    expect(kinds({ proxysql: paused }, shared)).toBe("");
  });
});

describe("the share that a switchover leaves behind", () => {
  it("stays while the address would come back without it", () => {
    expect(kinds({}, { share: "switchover", standsAside: true })).toBe("");
    expect(kinds({}, { share: "switchover", standsAside: true, fit: false })).toBe("");
  });

  it("is taken back when it is needed no more, or goes on for another cause", () => {
    expect(kinds({}, { share: "switchover" })).toBe("take-back");
    expect(kinds({}, { share: "switchover", fit: false })).toBe("demote:unready");
  });

  it("is taken back by a node that is MASTER again: a switchover that was cut short is undone", () => {
    expect(kinds({ ...leading, proxysql: paused }, { share: "switchover" })).toBe("resume");
    expect(kinds({ ...leading }, { share: "switchover" })).toBe("take-back");
  });
});
