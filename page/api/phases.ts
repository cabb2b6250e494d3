/** The phases of an upload, in their order. */
export const PHASES = [
  'Pending',
  'Queued',
  'Planning',
  'Processing',
  'Suspended',
  'Complete',
  'Failed',
  'Cancelled',
] as const;

export type Phase = (typeof PHASES)[number];
