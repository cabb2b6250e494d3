import type { problems as reference } from '#page/texts/en/problems.ts';
import type { Entry } from '#page/texts/text.ts';

export const problems: Record<keyof typeof reference, Entry> = {
  'problem.invalid-request': 'Algo en la solicitud no era correcto. Vuelva a cargar la página e inténtelo de nuevo.',
  'problem.unauthenticated': 'Su sesión ha terminado. Inicie sesión de nuevo; no se pierde nada de esta página.',
  'problem.forbidden':
    'No tiene permiso para hacer esto aquí. Pida el permiso a la persona que se encarga de BatchUpload en su organización.',
  'problem.namespace-not-enabled':
    'Este espacio de trabajo no existe aquí, o no se le pueden enviar archivos. Elija otro o pregunte a la persona que se encarga de BatchUpload.',
  'problem.not-found': 'Esto ya no existe. Quizá alguien lo ha eliminado, o pertenece a otra persona.',
  'problem.method-not-allowed': 'La página y el servidor tienen versiones distintas. Vuelva a cargar la página.',
  'problem.conflict': 'Esto no es posible en el estado actual. Mire el estado más reciente y decida después.',
  'problem.key-reused':
    'La misma solicitud se envió antes con otro contenido. Vuelva a cargar la página e inténtelo de nuevo.',
  'problem.precondition-failed': 'La carga ha cambiado entretanto. Mírela de nuevo y decida después.',
  'problem.too-large': 'Esto es más grande de lo que admite el servidor.',
  'problem.unsupported-media-type': 'La página y el servidor tienen versiones distintas. Vuelva a cargar la página.',
  'problem.unprocessable': 'Esto no se puede llevar a cabo tal como está.',
  'problem.too-many-requests':
    'Ha habido demasiadas solicitudes en poco tiempo. Espere un momento e inténtelo de nuevo.',
  'problem.internal': 'El servidor ha cometido un error, que no es culpa suya. Inténtelo de nuevo dentro de un minuto.',
  'problem.unavailable':
    'Falta por ahora algo que el servidor necesita. No se pierde nada: inténtelo de nuevo dentro de un minuto.',
  'problem.offline': 'No se puede acceder al servidor. Compruebe su conexión a la red e inténtelo de nuevo.',
  'problem.wait': {
    one: 'Inténtelo de nuevo dentro de {count} segundo.',
    other: 'Inténtelo de nuevo dentro de {count} segundos.',
  },
  'problem.details': 'Lo que dice el servidor',
};
