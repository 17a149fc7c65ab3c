/** True for a key whose value is a secret itself, and is never printed. One that names a secret's file is not. */
export function isSecretKey(name: string): boolean {
  return /password|secret|token/.test(name) && !name.endsWith("_file");
}
