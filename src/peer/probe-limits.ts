/** Bytes. A probe shows that the way is good; it need not be large for that. */
export const probeLimits = { packed: 64 * 1024 * 1024, unpacked: 512 * 1024 * 1024 } as const;
