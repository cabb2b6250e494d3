import pino from 'pino';

/** A fixed message plus fields; never a record's values. */
export type Logger = pino.Logger;

/** JSON lines to standard output, synchronously: a pod that is killed has said everything. */
export function createLogger(level: string, fields: Record<string, unknown> = {}): Logger {
  return pino(
    { level, base: fields, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    pino.destination({ sync: true }),
  );
}
