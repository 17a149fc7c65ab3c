/** Writes a line the way ProxySQL's error log looks. The stand-in logs to stderr only. */
export function log(level: "INFO" | "WARNING" | "ERROR", message: string): void {
  const time = new Date().toISOString().slice(0, 19).replace("T", " ");
  process.stderr.write(`${time} [${level}] ${message}\n`);
}
