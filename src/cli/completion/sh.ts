/** What there is for sh: nothing that a script could teach it. Says so, and does nothing when it is read. */
export const shScript = `# Completion of proxysql-carp for sh.
#
# The sh of FreeBSD completes names of files by itself, newer ones names of commands too, but has no means by which a
# program could add its own words: neither \`complete\` nor anything like it. So there is nothing to set up here, and
# reading this file changes nothing.
#
# bash: proxysql-carp completion bash > /usr/local/share/bash-completion/completions/proxysql-carp
# zsh:  proxysql-carp completion zsh > /usr/local/share/zsh/site-functions/_proxysql-carp
`;
