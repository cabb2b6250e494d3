/**
 * Order of events of one key: S3's sequencers are hexadecimal numbers of any length, compared as if they were filled up
 * with zeros on the left. What has none comes first.
 * Source: "Event message structure", Amazon S3 User Guide.
 */
export function compareSequencers(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  const length = Math.max(a.length, b.length);
  const [left, right] = [a.toUpperCase().padStart(length, '0'), b.toUpperCase().padStart(length, '0')];
  return left === right ? 0 : left < right ? -1 : 1;
}
