import { candidatesFunction } from "./cases.js";
import type { Candidates, CompletionCommand, Described } from "./tree.js";

/** Completion for zsh: to be sourced after compinit, or as a file `_proxysql-carp` in a directory of `fpath`. */
export function zshScript(tree: readonly CompletionCommand[]): string {
  return `#compdef proxysql-carp
# Completion of proxysql-carp for zsh. Made by \`proxysql-carp completion zsh\`.
${candidatesFunction(tree, setting)}

_proxysql-carp() {
    local cur=$PREFIX files='' result=1
    local -a candidates options
    _proxysql_carp_candidates "\${(@)words[2,CURRENT-1]}"
    [[ $cur == -* ]] && options=(-o)
    (( $#candidates )) && _describe $options proxysql-carp candidates && result=0
    [[ -n $files ]] && _files && result=0
    return result
}

# As a file of fpath it is called now; sourced, it is made known.
if [[ \${funcstack[1]} == _proxysql-carp ]]; then
    _proxysql-carp "$@"
elif (( $+functions[compdef] )); then
    compdef _proxysql-carp proxysql-carp
else
    print -u2 'proxysql-carp: completion needs compinit first'
fi
`;
}

function setting({ words, files }: Candidates): string {
  const entries = words.map(entryOf).join(" ");
  return [...(entries === "" ? [] : [`candidates=(${entries})`]), ...(files ? ["files=1"] : [])].join(" ");
}

/** `'name:description'`, in which a colon or a backslash of the name would have to be escaped. */
function entryOf({ name, description }: Described): string {
  const text = description === "" ? name : `${name.replace(/[\\:]/g, "\\$&")}:${description}`;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
