/** Bytes of the public point of each curve, uncompressed (RFC 5656, section 3.1; SEC 1, section 2.3.3). */
const pointLengths: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 };

/** sshd takes no shorter RSA key than this (sshd_config(5), RequiredRSASize). */
const shortestRsaBytes = 1024 / 8;

/**
 * True if the base64 of a public key line (`ssh-ed25519 AAAA... comment`) is a whole key of the type it names: an
 * abridged or mangled one is found when the file is read, not when the first link is refused. The forms are those of
 * RFC 4253 section 6.6, RFC 5656 section 3.1 and RFC 8709 section 4.
 */
export function isWholeHostKey(line: string): boolean {
  const [type = "", text = ""] = line.split(" ");
  const fields = fieldsOf(Buffer.from(text, "base64"));
  if (fields === undefined || fields[0]?.toString("latin1") !== type) return false;
  const [, second, third] = fields;
  if (type === "ssh-ed25519") return fields.length === 2 && second?.length === 32;
  if (fields.length !== 3 || second === undefined || third === undefined) return false;
  if (type === "ssh-rsa") return second.length > 0 && third.length >= shortestRsaBytes;
  const curve = type.replace("ecdsa-sha2-", "");
  return second.toString("latin1") === curve && third.length === pointLengths[curve];
}

/** The fields of an SSH blob, each a length of four bytes and as many bytes; undefined if they do not fill it exactly. */
function fieldsOf(blob: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return undefined;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}
