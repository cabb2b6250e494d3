/** Texts of the frame around every view. */
export const shell = {
  'shell.title': 'Upload records',
} as const;
