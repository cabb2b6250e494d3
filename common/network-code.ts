/** Returns only a code such as ECONNREFUSED, since the messages of network errors say no more than that. */
export function networkCode(error: unknown): string {
  const { code, name, message } = (error ?? {}) as { code?: string; name?: string; message?: string };
  if (code) return code;
  if (message?.includes('timeout')) return 'timeout';
  if (message?.includes('terminated')) return 'connection lost';
  return name ?? 'unknown error';
}
