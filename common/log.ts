import pino from 'pino';

/** As pino's: fields first, then a fixed message. Never a credential, never a record's values. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** JSON lines to standard output, synchronously: a pod that is killed has said everything. */
export function createLogger(level: string, fields: Record<string, unknown> = {}): pino.Logger {
  return pino(
    { level, base: fields, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    pino.destination({ sync: true }),
  );
}
