import type { shell as reference } from '#page/texts/en/shell.ts';

export const shell: Record<keyof typeof reference, string> = {
  'shell.title': 'Cargar registros',
};
