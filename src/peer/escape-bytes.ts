/** How much of what a stranger sent is shown in an error. */
const shownLimit = 80;

/**
 * The first bytes of something unexpected as one quoted, printable piece of text, so that an error can show what
 * came instead of an answer (a login banner, a shell's complaint) and no terminal obeys it.
 */
export function escapeBytes(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, shownLimit)].map(escapeByte).join("");
  return `"${shown}"${bytes.length > shownLimit ? "..." : ""}`;
}

function escapeByte(byte: number): string {
  if (byte === 0x0a) return "\\n";
  if (byte === 0x0d) return "\\r";
  if (byte === 0x09) return "\\t";
  if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}
