import type { Candidates, CompletionCommand } from "./tree.js";

/** Says a shell what the candidates are. */
export type Setting = (candidates: Candidates) => string;

/**
 * A shell function, the same for bash and zsh, that goes through the words before the one to complete (its arguments),
 * and for the one in `cur` does what `setting` says of its candidates.
 */
export function candidatesFunction(tree: readonly CompletionCommand[], setting: Setting): string {
  return `_proxysql_carp_candidates() {
    local called='' flag='' count=0 word
    for word do
        # bash cuts --flag=value in three.
        [[ $word == '=' ]] && continue
        if [[ -n $flag ]]; then
            flag=''
            continue
        fi
        case "$called $word" in
${cases(commandsOf(tree))}
${cases(flagsWithValue(tree).map(({ path, name }) => [`${path} ${name}`, "flag=$word"]))}
            *' -'*) ;;
            *) count=$((count + 1)) ;;
        esac
    done
    if [[ -n $flag ]]; then
        case "$called $flag" in
${cases(flagsWithValue(tree).map(({ path, name, value }) => [`${path} ${name}`, setting(value)]))}
        esac
    elif [[ $cur == -* ]]; then
        case $called in
${cases(tree.map(({ path, flags }) => [path, setting({ words: flags, files: false })]))}
        esac
    else
        case "$called $count" in
${cases(operandsOf(tree).map(({ path, index, operand }) => [`${path} ${index}`, setting(operand)]))}
        esac
    fi
}`;
}

function cases(all: readonly (readonly [pattern: string, action: string])[]): string {
  const told = all.filter(([, action]) => action !== "");
  return told.map(([pattern, action]) => `            '${pattern}') ${action} ;;`).join("\n");
}

/** A command of two words is seen when the first one is the path already. */
function commandsOf(tree: readonly CompletionCommand[]): [string, string][] {
  const paths = tree.flatMap(({ path }) => (path === "" ? [] : [path]));
  return paths.map((path) => [path.includes(" ") ? path : ` ${path}`, `called='${path}'`]);
}

function flagsWithValue(
  tree: readonly CompletionCommand[],
): { path: string; name: string; value: Candidates }[] {
  return tree.flatMap(({ path, flags }) =>
    flags.flatMap(({ name, value }) => (value === null ? [] : [{ path, name, value }])),
  );
}

function operandsOf(
  tree: readonly CompletionCommand[],
): { path: string; index: number; operand: Candidates }[] {
  return tree.flatMap(({ path, operands }) => operands.map((operand, index) => ({ path, index, operand })));
}
