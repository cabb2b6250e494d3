/** Only a code such as ECONNREFUSED: messages of the network hold addresses, not values, but add nothing. */
export function networkCode(error: unknown): string {
  const { code, name, message } = (error ?? {}) as { code?: string; name?: string; message?: string };
  if (code) return code;
  if (message?.includes('timeout')) return 'timeout';
  if (message?.includes('terminated')) return 'connection lost';
  return name ?? 'unknown error';
}
