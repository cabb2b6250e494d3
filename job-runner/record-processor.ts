/**
 * The public face of the record processor. Programs other than the job runner (the operator, a command line, a web
 * page) import the processor from this file, or from `patterns.ts` if they compile patterns alone. They compile schemas
 * by the same code, and so reach the same verdicts. Nothing behind this file needs Node: a bundle for a browser brings
 * a `Buffer`.
 */
export { normalizeName } from './csv/header.ts';
export type { RecordView } from './csv/record-reader.ts';
export { splitRecord, withoutLineEnd } from './csv/split.ts';
export { compilePattern, type Pattern, SchemaError } from './patterns.ts';
export { CODES, REFUSED_CODE } from './processor/faults.ts';
export { findSchemaFaults } from './processor/find-schema-faults.ts';
export { compileSchema, type RecordProcessor } from './processor/process-record.ts';
export type { RecordFault } from './processor/record-fault.ts';
export { typeOf } from './processor/types.ts';
export { createKeyCounter, type KeyCounter } from './records/count-keys.ts';
export { findRecords } from './records/find-records.ts';
export { hashBytes, type KeyHash, KeySet } from './records/key-set.ts';
export {
  type CanonicalFile,
  type PreparedRecord,
  type PrepareOptions,
  prepareRecords,
} from './records/prepare-records.ts';
export { type ReadRecord, readRecords } from './records/read-records.ts';
export { createTextWriter } from './records/text-writer.ts';
