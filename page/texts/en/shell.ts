/** Texts of the frame around every view. */
export const shell = {
  'shell.title': 'Upload records',
  'shell.skip': 'Skip to the main content',
  'shell.loading': 'One moment, please …',
  'shell.try-again': 'Try again',
  'shell.step': 'Step {step} of {steps}',
  'shell.step-done': 'done',
  'shell.step-open': 'not done yet',
} as const;
