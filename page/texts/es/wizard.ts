import type { wizard as reference } from '#page/texts/en/wizard.ts';
import type { Entry } from '#page/texts/text.ts';

export const wizard: Record<keyof typeof reference, Entry> = {
  'wizard.step-pick': 'Archivo',
  'wizard.step-columns': 'Columnas',
  'wizard.step-check': 'Revisión',
  'wizard.step-send': 'Envío',
  'wizard.back': 'Atrás',
  'wizard.go-on': 'Continuar',
  'wizard.other-file': 'Elegir otro archivo',
  'wizard.leave':
    'El archivo no se ha enviado por completo. Si sale ahora, elija más tarde el mismo archivo para continuar. ¿Salir?',

  'wizard.pick-heading': 'Elija un archivo',
  'wizard.pick-label': 'Archivo con registros',
  'wizard.pick-hint':
    'Una tabla en CSV o Excel (XLSX), o líneas JSON. El archivo puede estar comprimido en ZIP, gzip o zstd. Todavía no se envía nada.',
  'wizard.pick-instructions': 'Arrastre un archivo hasta aquí o elija uno',
  'wizard.pick-empty': '«{name}» está vacío: tiene 0 bytes. Guárdelo de nuevo con sus registros y elíjalo otra vez.',
  'wizard.pick-folder':
    '«{name}» es una carpeta. Elija un solo archivo; si los registros están en varios, únalos antes en una tabla.',
  'wizard.pick-many':
    'Ha soltado {count} archivos. Suelte un archivo cada vez: cada archivo es una carga por separado.',
  'wizard.pick-no-file': 'Lo que ha soltado no es un archivo. Arrastre un archivo desde una carpeta de su equipo.',
  'wizard.pick-unreadable':
    '«{name}» no se puede leer. Se movió, se modificó o está abierto en otro programa, o no tiene permiso para leerlo. Ciérrelo allí y elíjalo de nuevo.',
  'wizard.pick-too-large': '«{name}» ocupa más de 5 TiB, lo máximo que se puede guardar. Divídalo en varios archivos.',
  'wizard.inspecting': 'Examinando «{name}»…',
  'wizard.picked': '«{name}» ({size})',

  'wizard.schema-label': 'Tipo de registro',
  'wizard.schema-hint': 'Qué son los registros del archivo y, por tanto, dónde se guardan.',
  'wizard.schema-choose': 'Elija un tipo de registro',
  'wizard.schema-fits': '{name}: encajan todas las columnas',
  'wizard.schema-partly': '{name}: encajan {count} de {columns} columnas',
  'wizard.schema-none': '{name}: no encaja ninguna columna',
  'wizard.schema-suggested': 'Se propone «{name}», porque es el que mejor encaja con las columnas del archivo.',
  'wizard.schema-missing': 'Elija el tipo de registro que contiene el archivo.',
  'wizard.schema-not-ready': '{name}: ahora no se puede usar',
  'wizard.schema-not-ready-text':
    'Este tipo de registro no se puede usar hasta que se corrija. Consulte a la persona responsable de BatchUpload.',
  'wizard.schemas-failed': 'No se pueden mostrar los tipos de registro',
  'wizard.schemas-empty':
    'Aquí todavía no hay tipos de registro. Pida a la persona responsable de BatchUpload que cree uno (un RecordSchema).',
  'wizard.schema-failed': 'No se puede leer el tipo de registro',

  'wizard.unfinished-heading': 'Archivos que no se han enviado por completo',
  'wizard.unfinished-text':
    'Elija de nuevo el mismo archivo para continuar donde se detuvo el envío. Se conserva hasta la hora indicada.',
  'wizard.unfinished-item': '«{name}» ({size}) para {schema}, hasta {until}',
  'wizard.unfinished-remove': 'Quitar',
  'wizard.unfinished-remove-of': 'Quitar «{name}»',
  'wizard.unfinished-removed': 'Se quitó «{name}».',
  'wizard.same-heading': 'Ya empezó a enviar este archivo',
  'wizard.same-text':
    '«{name}» se eligió antes para {schema}. Las partes que ya llegaron no hace falta enviarlas de nuevo.',
  'wizard.same-go-on': 'Continuar el envío',
  'wizard.same-anew': 'Empezar de nuevo',
  'wizard.changed-heading': 'Este archivo ha cambiado',
  'wizard.changed-text':
    'Empezó a enviar un archivo «{name}», pero este tiene otro contenido o se guardó después. Lo que se envió del otro no sirve: este se envía desde el principio.',

  'wizard.columns-heading': 'Diga qué son las columnas',
  'wizard.columns-text':
    'Algunas columnas del archivo no tienen los nombres que conoce «{schema}». Elija para cada una qué es, o que no se carga.',
  'wizard.columns-open': 'Columnas por decidir',
  'wizard.columns-known': {
    one: '{count} columna está clara por su nombre',
    other: '{count} columnas están claras por sus nombres',
  },
  'wizard.columns-column': 'Columna del archivo',
  'wizard.columns-samples': 'Primeros valores',
  'wizard.columns-field': 'Qué es',
  'wizard.columns-nameless': '(una columna sin nombre)',
  'wizard.columns-nameless-text':
    'Una columna en medio del archivo no tiene nombre. Escriba un nombre en su primera fila y elija el archivo de nuevo.',
  'wizard.columns-long-name':
    'El nombre de la columna «{name}» tiene más de {most} caracteres. Escriba uno más corto en el archivo y elija el archivo de nuevo.',
  'wizard.columns-too-many':
    'Hay que explicar más de {most} columnas. Quite del archivo las columnas que no hacen falta y elíjalo de nuevo.',
  'wizard.columns-label': '¿Qué es la columna «{name}»?',
  'wizard.columns-ignore': 'No cargar esta columna',
  'wizard.columns-required': '{field} (obligatorio)',
  'wizard.columns-more': 'Mostrar más columnas',
  'wizard.reason-before': 'Usted u otra persona lo eligió antes para un archivo así.',
  'wizard.reason-likeness': 'Propuesta, porque se parece.',
  'wizard.columns-errors': 'Las columnas todavía no encajan',
  'wizard.columns-twice': 'Dos columnas serían «{field}». Elija otra cosa para «{name}».',
  'wizard.columns-missing': {
    one: 'Ninguna columna es «{fields}», que debe estar. Elíjalo para una de las columnas, o añada la columna al archivo.',
    other:
      'Ninguna columna es {fields}, que deben estar. Elíjalos para algunas columnas, o añada las columnas al archivo.',
  },
  'wizard.columns-same-name':
    'Dos columnas se llaman «{name}» y nadie puede distinguirlas. Dé otro nombre a una de ellas en el archivo y elíjalo de nuevo.',
  'wizard.columns-order':
    'Las columnas deben estar en este orden: {fields}. Póngalas en este orden en el archivo y elíjalo de nuevo.',
  'wizard.columns-nothing': 'No se carga ninguna columna del archivo. Elija qué es al menos una columna.',
  'wizard.columns-complete': 'Están todas las columnas obligatorias.',

  'wizard.check-heading': 'Revise los registros',
  'wizard.check-change-columns': 'Cambiar las columnas',
  'wizard.kind': 'Tipo de archivo',
  'wizard.kind-csv': 'Tabla (CSV)',
  'wizard.kind-ndjson': 'Líneas JSON',
  'wizard.kind-xlsx': 'Libro de Excel (XLSX)',
  'wizard.compression': 'Comprimido como',
  'wizard.encoding': 'Letras guardadas como',
  'wizard.delimiter': 'Entre dos campos',
  'wizard.delimiter-comma': 'una coma',
  'wizard.delimiter-semicolon': 'un punto y coma',
  'wizard.delimiter-tab': 'una tabulación',
  'wizard.delimiter-pipe': 'una barra vertical',
  'wizard.checking': 'Revisando el archivo',
  'wizard.checking-progress': '{read} de {size}, {records} registros, {failed} con errores',
  'wizard.check-cancel': 'Detener la revisión',
  'wizard.check-whole': 'Revisar todo el archivo',
  'wizard.check-stopped': 'La revisión se detuvo. Puede enviar el archivo de todos modos o revisarlo de nuevo.',
  'wizard.check-again': 'Revisar de nuevo',
  'wizard.rows-heading': 'Los primeros registros, tal como se guardarán',
  'wizard.rows-row': 'Fila',
  'wizard.rows-empty': 'sin valor',
  'wizard.rows-faults': 'Errores',
  'wizard.result-good': 'No se encontraron errores',
  'wizard.result-good-all': {
    one: 'Se revisó el único registro del archivo.',
    other: 'Se revisaron los {count} registros del archivo.',
  },
  'wizard.result-good-part': {
    one: 'Se revisó {count} registro del principio del archivo.',
    other: 'Se revisaron {count} registros del principio del archivo.',
  },
  'wizard.result-bad': {
    one: '{count} registro tiene errores',
    other: '{count} registros tienen errores',
  },
  'wizard.result-bad-all': 'Se revisaron {records} registros, que son todos los del archivo.',
  'wizard.result-bad-part': 'Se revisaron {records} registros del principio del archivo.',
  'wizard.result-bad-do':
    'Corríjalos en el archivo y elíjalo de nuevo, o envíe el archivo tal como está: los registros con errores no se guardan, y los recibe de vuelta en un archivo para corregirlos.',
  'wizard.result-none': 'El archivo no tiene registros',
  'wizard.result-none-text':
    'Debajo de la primera fila no hay nada. Guarde el archivo con sus registros y elíjalo de nuevo.',
  'wizard.codes-heading': 'Qué está mal',
  'wizard.codes-count': {
    one: '{count} vez',
    other: '{count} veces',
  },
  'wizard.codes-row': 'Fila {row}: {message}',
  'wizard.codes-more': 'Estas son las primeras.',
  'wizard.repeated-heading': 'Registros con la misma clave',
  'wizard.repeated-text': {
    one: '{count} registro tiene la clave de un registro anterior del archivo (fila {rows}).',
    other: '{count} registros tienen la clave de un registro anterior del archivo (los primeros en las filas {rows}).',
  },
  'wizard.repeated-skip': 'Se guarda el primer registro de cada clave; los demás cuentan como duplicados.',
  'wizard.repeated-update': 'Se guarda el último registro de cada clave; los demás cuentan como duplicados.',
  'wizard.repeated-fail': 'Se guarda el primer registro de cada clave; los demás vuelven como fallidos.',
  'wizard.repeated-incomplete': 'Puede haber más, porque el archivo tiene más claves de las que la página recuerda.',
  'wizard.open-heading': 'Lo que solo se sabe al cargar el archivo',
  'wizard.open-stored-keys': 'Si ya hay guardados registros con la misma clave.',
  'wizard.open-table-rules': 'Si la base de datos tiene reglas propias que rechazan un registro.',
  'wizard.open-column-types': 'Si cada valor cabe en su lugar de la base de datos.',
  'wizard.fault-heading': 'Este archivo no se puede cargar',
  'wizard.fault-damaged':
    'El archivo está dañado o incompleto, quizá porque se interrumpió una copia. Consígalo otra vez y elíjalo de nuevo.',
  'wizard.fault-not-supported':
    'Este tipo de archivo no se lee aquí. Guarde la tabla como CSV (UTF-8) o XLSX y elija ese archivo.',
  'wizard.fault-mismatch':
    'El archivo es de otro tipo del que se indicó. Guárdelo como CSV (UTF-8) o XLSX y elíjalo de nuevo.',
  'wizard.fault-header': 'La primera fila no contiene los nombres de las columnas que se necesitan.',
  'wizard.fault-quote':
    'Unas comillas abren un campo y nunca se cierran, así que nadie sabe dónde terminan los registros. Corrija la fila indicada abajo y elija el archivo de nuevo.',
  'wizard.fault-too-long':
    'Un registro es más largo de lo que se puede cargar. Normalmente faltan o sobran comillas antes. Corrija la fila indicada abajo y elija el archivo de nuevo.',
  'wizard.fault-check-heading': 'No se pudo revisar el archivo',
  'wizard.fault-check':
    'Quizá no hay red, o la página tiene un error. Elija el archivo de nuevo cuando haya red. En el paso «Revisión» también puede enviar el archivo sin revisarlo.',
  'wizard.fault-unreadable':
    'El archivo se modificó, se movió o se borró mientras se leía. Elíjalo de nuevo, para que se envíe el archivo que quiere.',
  'wizard.fault-other': 'El archivo no se puede leer tal como está.',
  'wizard.fault-details': 'El texto exacto',
  'wizard.send': 'Enviar el archivo',
  'wizard.send-without-check': 'Enviar sin revisión',
  'wizard.ask-heading': '¿Enviar el archivo con sus errores?',
  'wizard.ask-text': {
    one: '{count} registro tiene errores. No se guarda, y lo recibe de vuelta en un archivo después de la carga. Los demás se cargan.',
    other:
      '{count} registros tienen errores. No se guardan, y los recibe de vuelta en un archivo después de la carga. Los demás se cargan.',
  },
  'wizard.ask-part': 'Solo se revisó el principio del archivo: puede haber más.',
  'wizard.ask-send': 'Enviar con errores',
  'wizard.ask-back': 'Volver',
};
