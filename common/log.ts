import pino from 'pino';

/**
 * The shape of pino's logger: fields first, then a fixed message. A log never holds a credential or a record's values.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Writes JSON lines to standard output synchronously, so that a killed pod loses none. */
export function createLogger(level: string, fields: Record<string, unknown> = {}): pino.Logger {
  return pino(
    { level, base: fields, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    pino.destination({ sync: true }),
  );
}
