/**
 * The public face of the record processor. Programs other than the job runner (the operator, a command line, a web
 * page) import the processor from this file alone. They compile schemas by the same code, and so reach the same
 * verdicts.
 */
export { compilePattern, type Pattern } from './processor/pattern.ts';
export { compileSchema, type RecordProcessor } from './processor/process-record.ts';
export { SchemaError } from './processor/schema-error.ts';
