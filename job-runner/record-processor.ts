/**
 * The public face of the record processor: whoever is not the job runner (the operator, a command line, a page) imports
 * the processor from this file alone. The same schema gives the same verdict everywhere, because everybody compiles it
 * here.
 */
export { compilePattern, type Pattern } from './processor/pattern.ts';
export { compileSchema, type RecordProcessor } from './processor/process-record.ts';
export { SchemaError } from './processor/schema-error.ts';
