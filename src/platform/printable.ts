/** Everything but letters, marks, digits, punctuation, symbols and the blank itself: what a terminal might obey. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * A text as one line that no terminal obeys: escape sequences, line ends, C1 controls and what turns the direction of
 * writing are shown as `\x1b`, `\n` or `\u{202e}`. For texts that came from elsewhere: a peer, a program, a file.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => {
    if (character === "\n") return "\\n";
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
