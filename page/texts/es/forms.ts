import type { forms as reference } from '#page/texts/en/forms.ts';
import type { Entry } from '#page/texts/text.ts';

export const forms: Record<keyof typeof reference, Entry> = {
  'forms.signed-in': 'Ha iniciado sesión como {name}',
  'forms.plain':
    'Esta es la versión sencilla de la página, que no necesita JavaScript. Admite archivos de hasta {size}.',
  'forms.uploads': 'Sus archivos en {workspace}',
  'forms.uploads-empty': 'Todavía no ha enviado ningún archivo a este espacio de trabajo.',
  'forms.back': 'Volver a sus archivos',
  'forms.older': 'Archivos anteriores',
  'forms.new': 'Enviar un archivo a {workspace}',
  'forms.new-steps': 'Hay tres pasos: decir qué es el archivo, enviarlo y hacer que se carguen sus registros.',
  'forms.name': 'Nombre del archivo',
  'forms.name-hint':
    'Como lo muestra su ordenador, por ejemplo socios.csv. Con este nombre volverá a encontrar su archivo.',
  'forms.name-missing': 'Escriba el nombre del archivo.',
  'forms.name-wrong':
    'Escriba otro nombre: un archivo no puede llamarse así. Un nombre sencillo de letras y cifras, como socios.csv, siempre sirve.',
  'forms.schema': 'Tipo de registro',
  'forms.schema-hint':
    'Lo que contiene el archivo. Si ninguno es adecuado, pregunte a la persona que se encarga de BatchUpload.',
  'forms.schema-name-hint': 'La persona que se encarga de BatchUpload le dirá su nombre.',
  'forms.schema-missing': 'Elija el tipo de registro.',
  'forms.schema-choose': 'Elija uno',
  'forms.no-schemas':
    'Este espacio de trabajo todavía no tiene ningún tipo de registro, así que no se puede cargar nada. Pida a la persona que se encarga de BatchUpload que cree uno.',
  'forms.next': 'Siguiente',
  'forms.mistakes': 'Falta algo o hay un error',
  'forms.send': 'Enviar {file}',
  'forms.send-text':
    'Elija el archivo en su ordenador y envíelo. Puede tener hasta {size}. No cierre esta página hasta que llegue la siguiente; puede tardar unos minutos.',
  'forms.send-until': 'El archivo debe enviarse antes de {time}.',
  'forms.choose': 'El archivo en su ordenador',
  'forms.send-button': 'Enviar el archivo',
  'forms.send-failed': 'Si aparece una página con código',
  'forms.send-failed-text':
    'El almacén que recibe el archivo contesta en el idioma de las máquinas cuando rechaza uno. EntityTooLarge significa que el archivo tiene más de {size}; EntityTooSmall, que está vacío; AccessDenied, que esta página es demasiado antigua. Vuelva atrás en su navegador, cargue de nuevo esta página y envíe el archivo correcto.',
  'forms.arrived': 'Cargar los registros de {file}',
  'forms.arrived-text': 'Llegaron {size} el {time}. Todavía no se ha cargado nada.',
  'forms.arrived-check':
    '¿Es este el tamaño que su ordenador muestra para el archivo? Entonces haga que se carguen sus registros.',
  'forms.load': 'Cargar los registros',
  'forms.wrong-file': 'Este no es el archivo correcto: enviar otro',
  'forms.changed':
    'El archivo se envió otra vez después de que usted abriera esta página, así que no se cargó nada. Compruebe el tamaño de abajo y después haga que se carguen los registros.',
  'forms.not-arrived': 'Todavía no ha llegado ningún archivo, así que no se cargó nada. Envíe primero el archivo.',
  'forms.not-loaded': 'No se cargó nada',
  'forms.gone': '{file} ya no está',
  'forms.gone-text':
    'Un archivo que no se carga en un día se elimina, igual que un archivo borrado. No se cargó nada de él. Envíe el archivo otra vez.',
  'forms.status': 'Qué ha pasado con {file}',
  'forms.refresh': 'Mirar otra vez',
  'forms.refresh-on': 'Mirar por sí sola cada 10 segundos',
  'forms.refresh-off': 'Dejar de mirar por sí sola',
  'forms.looked': 'Así estaban las cosas el {time}.',
  'forms.sign-in-first': 'Inicie sesión',
  'forms.sign-in-first-text': 'Esta página necesita saber quién es usted. Inicie sesión y volverá a este lugar.',
  'forms.signed-out': 'Su sesión ha terminado',
  'forms.signed-out-text':
    'Por su seguridad, la sesión se cierra después de unas horas. No se ha perdido nada de lo que envió. Inicie sesión y volverá a este lugar.',
  'forms.sign-in': 'Iniciar sesión y volver',
  'forms.refusal': 'No ha funcionado',
};
