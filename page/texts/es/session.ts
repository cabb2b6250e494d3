import type { session as reference } from '#page/texts/en/session.ts';

export const session: Record<keyof typeof reference, string> = {
  'session.notSignedIn': 'No ha iniciado sesión',
  'session.signIn': 'Iniciar sesión',
  'session.notBegun':
    'Este inicio de sesión no comenzó en este navegador, ya terminó o tardó más de 10 minutos. No se ha cambiado nada. Inicie sesión de nuevo.',
  'session.refused':
    '{issuer} no ha iniciado su sesión, o usted la ha cancelado. No se ha cambiado nada. Inténtelo de nuevo o pregunte a su administrador si puede usar esta página.',
  'session.notOurs':
    'La respuesta de {issuer} no corresponde a este inicio de sesión, o ya se ha usado. No se ha cambiado nada. Inicie sesión de nuevo.',
  'session.noPerson':
    '{issuer} le conoce, pero esta página no puede aceptar lo que dice de usted. Muestre esto a su administrador: {detail}',
  'session.tooManyNames':
    'Pertenece a tantos grupos que esta página no puede guardar sus nombres. Pida a su administrador que {issuer} comunique a esta página solo los grupos necesarios.',
  'session.tooOften': 'Ha iniciado sesión muchas veces en poco tiempo. Espere un minuto e inicie sesión de nuevo.',
  'session.providerAway':
    'Esta página no puede conectar con {issuer}, donde se inicia la sesión. No se ha cambiado nada. Inténtelo de nuevo en un minuto. Si el problema continúa, avise a su administrador.',
  'session.signedOut': 'Ha cerrado la sesión',
  'session.signedOutHere': 'Cierre las demás pestañas de esta página si otra persona usa este equipo.',
  'session.signOutThere': 'Cerrar también la sesión del proveedor de identidad',
  'session.stillSignedIn': 'Su sesión sigue abierta',
  'session.notSignedOut':
    'No se ha podido guardar el fin de su sesión, por lo que sigue abierta. Vuelva atrás y cierre la sesión de nuevo en un minuto. Si el problema continúa, avise a su administrador.',
  'session.formOfAnother':
    'Este formulario pertenece a otra sesión o procede de otro sitio. No se ha cambiado nada. Vuelva atrás, cargue la página de nuevo y cierre la sesión allí.',
  'session.notBuilt': 'La página no está disponible',
  'session.notBuiltWhy':
    'El servicio funciona, pero no contiene la página. Avise a su administrador: la carpeta page/dist debe contener la página que crea `vite build page`.',
};
