/** Versions whose first two numbers differ. What does not look like a version, or is not known, says nothing. */
export function otherVersion(
  ours: string | null,
  theirs: string | null,
): { ours: string; theirs: string } | null {
  const release = (text: string | null): string | undefined =>
    /^v?(\d{1,4}\.\d{1,4})(?![\d])/.exec(text ?? "")?.[1];
  const [our, their] = [release(ours), release(theirs)];
  if (our === undefined || their === undefined || our === their) return null;
  const shown = (text: string | null): string => (text ?? "").replaceAll(/[^\w.+-]/g, "").slice(0, 40);
  return { ours: shown(ours), theirs: shown(theirs) };
}
