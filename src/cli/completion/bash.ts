import { candidatesFunction } from "./cases.js";
import type { Candidates, CompletionCommand } from "./tree.js";

/** Completion for bash 4 and later. */
export function bashScript(tree: readonly CompletionCommand[]): string {
  return `# Completion of proxysql-carp for bash. Made by \`proxysql-carp completion bash\`.
${candidatesFunction(tree, setting)}

_proxysql_carp() {
    local cur=\${COMP_WORDS[COMP_CWORD]} words='' files=''
    [[ $cur == '=' ]] && cur=''
    _proxysql_carp_candidates "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
    fi
}

complete -F _proxysql_carp proxysql-carp
`;
}

function setting({ words, files }: Candidates): string {
  const names = words.map(({ name }) => name).join(" ");
  return [...(names === "" ? [] : [`words='${names}'`]), ...(files ? ["files=1"] : [])].join(" ");
}
