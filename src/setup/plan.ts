import type { Owner } from "../platform/files.js";
import { type Present, sha256Of } from "./look.js";
import type { RecordedFile, SetupRecord } from "./record.js";
import type { Wanted } from "./wanted.js";

/** One thing to do with a file. */
export interface FileStep {
  readonly action: "create" | "update" | "replace" | "mode";
  readonly file: Wanted;
  readonly owner: Owner | null;
  readonly before: Present;
}

/** A file that is not ours to overwrite. */
export interface Conflict {
  readonly path: string;
  readonly why: string;
  /** An answer or --force may overwrite it, keeping a copy. */
  readonly canReplace: boolean;
}

/** What is to be done with the files. */
export interface FilePlan {
  readonly steps: readonly FileStep[];
  /** Paths that are as they should be. */
  readonly kept: readonly string[];
  readonly conflicts: readonly Conflict[];
}

/** What a plan is made of. All of it is known before: planning looks at nothing. */
export interface Planned {
  readonly wanted: readonly Wanted[];
  readonly present: ReadonlyMap<string, Present>;
  readonly record: SetupRecord | undefined;
  /** Whether a file that somebody else made or changed may be replaced. */
  readonly mayReplace: (path: string) => boolean;
  /** Whom a file is to belong to; null if that cannot be had here. */
  readonly ownerOf: (file: Wanted) => Owner | null;
}

/** Pure. What has to be done so that every wanted file is there, and what stands against it. */
export function planFiles({ wanted, present, record, mayReplace, ownerOf }: Planned): FilePlan {
  const steps: FileStep[] = [];
  const kept: string[] = [];
  const conflicts: Conflict[] = [];
  for (const file of wanted) {
    const before = present.get(file.path) ?? { kind: "absent" };
    const owner = ownerOf(file);
    const ours = record?.files.find(({ path }) => path === file.path);
    const action = actionFor(file, before, owner, ours);
    if (action === "keep") kept.push(file.path);
    else if (typeof action !== "string") {
      if (action.canReplace && mayReplace(file.path)) steps.push({ action: "replace", file, owner, before });
      else conflicts.push({ path: file.path, ...action });
    } else steps.push({ action, file, owner, before });
  }
  return { steps, kept, conflicts };
}

function actionFor(
  file: Wanted,
  before: Present,
  owner: Owner | null,
  ours: RecordedFile | undefined,
): "keep" | "create" | "update" | "mode" | Omit<Conflict, "path"> {
  if (before.kind === "absent") return "create";
  if (before.kind === "other") return { why: "it is no plain file", canReplace: false };
  const fits =
    before.mode === file.mode && (owner === null || (before.uid === owner.uid && before.gid === owner.gid));
  if (file.once || before.sha256 === sha256Of(file.content)) {
    if (fits || ours?.grows === true) return "keep";
    if (ours !== undefined) return "mode";
    if (file.secret && (before.mode & 0o077) !== 0)
      return { why: "others than its owner can read it: chmod 600 it, if it is meant", canReplace: false };
    return "keep";
  }
  if (ours?.sha256.includes(before.sha256)) return "update";
  return {
    why:
      ours === undefined
        ? "it is there already and says something else"
        : "somebody changed it since setup wrote it",
    canReplace: true,
  };
}
