import type { shell as reference } from '#page/texts/en/shell.ts';
import type { Entry } from '#page/texts/text.ts';

export const shell: Record<keyof typeof reference, Entry> = {
  'shell.title': 'Cargar registros',
  'shell.skip': 'Ir al contenido principal',
  'shell.loading': 'Un momento, por favor…',
  'shell.try-again': 'Intentar de nuevo',
  'shell.step': 'Paso {step} de {steps}',
  'shell.step-done': 'hecho',
  'shell.step-open': 'pendiente',
};
