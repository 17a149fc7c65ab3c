/** A command as the manual page has it. */
export interface ManualCommand {
  readonly name: string;
  /** With the name of each one's value. A flag is told wherever it is named: in the head or in the text. */
  readonly flags: readonly (readonly [flag: string, value: string | undefined])[];
  readonly operands: readonly string[];
  /** Its head says `option ...`: too many for one line, told one by one below it. */
  readonly listsOptions: boolean;
  readonly text: string;
}

/** The items of COMMANDS. */
export function manualCommands(manual: string): ManualCommand[] {
  return section(manual, "COMMANDS")
    .split(/^(?=\.It Cm [a-z]+ ?)/m)
    .slice(1)
    .map((item) => {
      const [head = "", ...text] = item.split("\n");
      const [name = "", rest = ""] = cut(head.replace(/^\.It Cm /, ""));
      return { ...partsOf(rest), name, flags: flagsIn(`${rest}\n${text.join("\n")}`), text: text.join("\n") };
    });
}

/** The lines of SYNOPSIS, in which `maintenance off | status` are two commands. */
export function manualSynopsis(manual: string): ManualCommand[] {
  return section(manual, "SYNOPSIS")
    .split(/^\.Nm$/m)
    .slice(1)
    .flatMap((block) => {
      const line = block
        .replace(".Op Fl -config Ar file\n", "")
        .replaceAll(/^\./gm, "")
        .replaceAll("\n", " ")
        .trim();
      const [names = "", rest = ""] = line.startsWith("Cm ") ? cut(line.slice(3)) : ["", line];
      const [first = "", ...others] = names.split(" | ");
      const family = first.split(" ").slice(0, -1).join(" ");
      return [first, ...others.map((other) => `${family} ${other}`)].map((name) => {
        return { ...partsOf(rest), name, flags: flagsIn(rest), text: block };
      });
    });
}

function section(manual: string, title: string): string {
  return manual.split(/^\.Sh /m).find((part) => part.startsWith(`${title}\n`)) ?? "";
}

/** A command's name, and what follows it from the first macro on. */
function cut(text: string): [name: string, rest: string] {
  const at = text.search(/ (?:Op|Oo|Ar|Fl) /);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function flagsIn(text: string): [string, string | undefined][] {
  const flags = new Map<string, string | undefined>();
  for (const [, flag, value] of text.matchAll(/\bFl -([a-z-]+)(?: Ar ([a-z-]+))?/g)) {
    const name = `--${flag}`;
    if (name !== "--config" && (value !== undefined || !flags.has(name))) flags.set(name, value);
  }
  return [...flags];
}

function partsOf(rest: string): Pick<ManualCommand, "operands" | "listsOptions"> {
  const withoutFlags = rest.replaceAll(/\bFl -[a-z-]+(?: Ar [a-z-]+)?/g, "");
  const operands = [...withoutFlags.matchAll(/\bAr ([a-z]+(?: (?!Op|Oo|Oc|Ar|Fl)[a-z.]+)*)/g)];
  const names = operands.flatMap(([, words = ""]) => words.split(" "));
  return { operands: names, listsOptions: names.join(" ") === "option ..." };
}
