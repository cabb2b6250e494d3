/**
 * The part of the processor's public face that compiles patterns. The bridge imports this file alone: it compiles no
 * schemas, and the rest of the processor would cost its process 5 MB.
 */
export { compilePattern, type Pattern } from './processor/pattern.ts';
export { SchemaError } from './processor/schema-error.ts';
