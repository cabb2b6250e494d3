/** Turns what is thrown into the fault of a file as a whole. */
import { Fault } from '#common/faults.ts';
import { SchemaError } from '#runner/processor/schema-error.ts';
import type { WholeFault } from './types.ts';

export function toWholeFault(error: unknown): WholeFault {
  if (error instanceof Fault) return { reason: error.reason, message: error.message };
  if (error instanceof SchemaError) {
    return {
      reason: 'SchemaInvalid',
      message: `The schema cannot be used: ${error.message}. Whoever keeps the schema must correct it.`,
    };
  }
  return {
    reason: 'CheckFailed',
    message: `The check ended by an error of the page (${error instanceof Error ? error.name : typeof error}). The file can be sent without a check: it is checked when it is loaded.`,
  };
}
