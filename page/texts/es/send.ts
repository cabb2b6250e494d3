import type { send as reference } from '#page/texts/en/send.ts';
import type { Entry } from '#page/texts/text.ts';

export const send: Record<keyof typeof reference, Entry> = {
  'send.heading': 'Enviar el archivo',
  'send.summing': 'Preparando el archivo',
  'send.summing-text':
    'La página calcula una suma de verificación, con la que el almacenamiento comprueba que llega cada byte.',
  'send.sending': 'Enviando',
  'send.progress': '{done} de {size}',
  'send.speed': '{speed} por segundo',
  'send.left': 'quedan unos {time}',
  'send.paused': 'En pausa',
  'send.paused-text': 'Lo que ya llegó se conserva un día.',
  'send.silent-heading': 'La conexión está interrumpida',
  'send.silent-text':
    'El envío sigue por sí solo en cuanto vuelva la red. No se pierde nada. Si continúa así aunque otras páginas funcionan, diga a la persona responsable de BatchUpload que el almacenamiento no responde a esta página.',
  'send.completing': 'El almacenamiento une las partes del archivo',
  'send.registering': 'Se está creando la carga',
  'send.registered': 'El archivo se envió',
  'send.keep-open':
    'Deje esta página abierta hasta que el archivo se haya enviado. Si se cierra, elija de nuevo el mismo archivo para continuar.',
  'send.pause': 'Pausar',
  'send.resume': 'Continuar',
  'send.cancel': 'Cancelar',
  'send.cancel-heading': '¿Cancelar el envío?',
  'send.cancel-text': 'Lo que ya llegó del archivo se borra, y no se carga nada.',
  'send.cancel-yes': 'Cancelar y borrar',
  'send.cancel-no': 'Continuar el envío',
  'send.cancelled': 'El envío se canceló. No se cargó nada.',
  'send.announce': '{percent} enviado',
  'send.try-again': 'Intentar de nuevo',
  'send.put-kept': 'El archivo está en el almacenamiento y se conserva un día: no hace falta enviarlo otra vez.',
  'send.refused-heading': 'El archivo no se envió',
  'send.refused-registration-heading': 'El archivo se envió, pero todavía no se puede cargar',
  'send.refused-file-changed':
    'El archivo se modificó, se movió o se borró mientras se enviaba, y lo que llegó no es lo que se comprobó. No se cargó nada. Elija el archivo de nuevo cuando ya no cambie.',
  'send.refused-file-name':
    'Un archivo no puede tener este nombre. Déle otro: sin carpetas, sin < > ni ", y que no empiece por un punto ni por = + - @. Después elíjalo de nuevo.',
  'send.refused-place-gone':
    'Lo que se había enviado de este archivo ya no está: los archivos se conservan un día hasta que están completos. Envíelo de nuevo desde el principio.',
  'send.refused-schema':
    'El tipo de registro «{schema}» se borró o no se puede usar ahora. Elija otro, o consulte a la persona responsable de BatchUpload, e inténtelo de nuevo.',
  'send.refused-columns':
    'El tipo de registro «{schema}» cambió mientras tanto, y las columnas ya no encajan. Vuelva a las columnas y elija otra vez.',
  'send.refused-storage-closed':
    'El almacenamiento no acepta archivos de esta página. La persona responsable de BatchUpload debe permitirlo; el texto de abajo dice cómo.',
  'send.refused-storage':
    'El almacenamiento no aceptó el archivo. Inténtelo de nuevo; si vuelve a ocurrir, muestre el texto de abajo a la persona responsable de BatchUpload.',
  'send.refused-signed-out':
    'Su sesión ha terminado. Inicie sesión de nuevo y vuelva a intentarlo: lo que ya llegó se conserva.',
  'send.refused-forbidden':
    'Ya no puede enviar archivos aquí. Pida el permiso a la persona responsable de BatchUpload e inténtelo de nuevo: lo que ya llegó se conserva un día.',
  'send.refused-other':
    'Inténtelo de nuevo. Si vuelve a ocurrir, muestre el texto de abajo a la persona responsable de BatchUpload.',
  'send.choose-schema': 'Elegir otro tipo de registro',
  'send.choose-columns': 'Volver a las columnas',
};
