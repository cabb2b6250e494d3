import type { shell as reference } from '#page/texts/en/shell.ts';
import type { Entry } from '#page/texts/text.ts';

export const shell: Record<keyof typeof reference, Entry> = {
  'shell.title': 'Cargar registros',
  'shell.skip': 'Ir al contenido principal',
  'shell.navigation': 'Navegación principal',
  'shell.nav-uploads': 'Cargas',
  'shell.nav-new': 'Enviar un archivo',
  'shell.nav-templates': 'Tipos de registro',
  'shell.workspace': 'Espacio de trabajo',
  'shell.language': 'Idioma',
  'shell.signed-in-as': 'Sesión iniciada como',
  'shell.sign-out': 'Cerrar sesión',
  'shell.sign-out-failed': 'Su sesión sigue abierta, porque no se pudo acceder al servidor. Inténtelo de nuevo.',
  'shell.loading': 'Un momento, por favor…',
  'shell.try-again': 'Intentar de nuevo',
  'shell.reload': 'Volver a cargar la página',
  'shell.step': 'Paso {step} de {steps}',
  'shell.step-done': 'hecho',
  'shell.step-open': 'pendiente',
  'shell.sign-in': 'Iniciar sesión',
  'shell.sign-in-why':
    'Aquí puede enviar archivos con registros, ver qué errores contienen y seguir lo que ocurre con ellos. Inicie sesión con la cuenta de su organización.',
  'shell.signed-in': 'Ha iniciado sesión',
  'shell.signed-in-what-to-do': 'Cierre esta pestaña y continúe en la otra, donde estaba. Allí no se ha perdido nada.',
  'shell.again-heading': 'Su sesión ha terminado',
  'shell.again-why':
    'Inicie sesión de nuevo en otra pestaña. Esta página queda como está y continúa sola cuando haya iniciado sesión.',
  'shell.again': 'Iniciar sesión de nuevo',
  'shell.again-not-now': 'Ahora no',
  'shell.again-other':
    '{other} ha iniciado sesión, y esta página es de {name}. Inicie sesión como {name} para continuar, o empiece de nuevo como {other}.',
  'shell.again-begin-anew': 'Empezar de nuevo como {other}',
  'shell.ends-soon':
    'Su sesión termina a esta hora: {time}. Para continuar sin interrupción, inicie sesión de nuevo ahora.',
  'shell.offline': 'No tiene conexión. Lo que ve puede estar anticuado; se actualizará en cuanto vuelva la red.',
  'shell.no-session': 'La página no puede empezar',
  'shell.not-found': 'No hay nada en esta dirección',
  'shell.no-such-page': 'Quizá la dirección está mal escrita, o el enlace es antiguo.',
  'shell.no-such-workspace':
    'No existe el espacio de trabajo {name}, o no puede usarlo. Pregunte a la persona que se encarga de BatchUpload en su organización.',
  'shell.to-start': 'Ir al inicio',
  'shell.no-code': 'No se pudo cargar una parte de la página',
  'shell.no-code-why': 'La red falló un momento, o hay una versión más nueva de la página. Vuelva a cargar la página.',
  'shell.defect': 'Algo ha fallado en esta página',
  'shell.defect-what-to-do':
    'Es un error de la página y no suyo. Lo que ha enviado está a salvo. Vuelva a cargar la página; si no sirve, dé los detalles técnicos a la persona que se encarga de BatchUpload.',
  'shell.technical': 'Detalles técnicos',
  'workspaces.heading': 'Elija un espacio de trabajo',
  'workspaces.lead': 'Cada espacio de trabajo tiene sus propias cargas y sus propios tipos de registro.',
  'workspaces.may-upload': 'Aquí puede enviar archivos.',
  'workspaces.may-look': 'Aquí puede ver cargas.',
  'workspaces.none': 'Todavía no hay un espacio de trabajo para usted',
  'workspaces.none-what-to-do':
    'Ha iniciado sesión, pero no puede enviar archivos a ningún sitio. Pida el permiso a la persona que se encarga de BatchUpload en su organización. Allí su nombre es {user}.',
};
