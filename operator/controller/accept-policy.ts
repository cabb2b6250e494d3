/** Checks whether an upload may be accepted, as far as no database is needed for the answer. */
import type { UploadExplanation } from '#api/explanation.ts';
import { findColumnFault } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { count } from '#common/text.ts';
import { findSchemaFaults } from '#runner/record-processor.ts';

/** Why the schema cannot be used; null when it can. */
export function checkSchema(
  namespace: string,
  name: string,
  schema: RecordSchemaSpec | null,
): UploadExplanation | null {
  if (schema === null) {
    return {
      reason: 'SchemaNotFound',
      message: `There is no RecordSchema ${name} in the namespace ${namespace}. Create the RecordSchema; the upload then goes on by itself.`,
    };
  }
  const faults = describeFaults(schema);
  if (faults === null) return null;
  return {
    reason: 'SchemaInvalid',
    message: `The RecordSchema ${name} cannot be used: ${faults}. Correct the RecordSchema; the upload then goes on by itself.`,
  };
}

/** Why the upload's columns cannot be fields of the schema; null when they can. */
export function checkColumns(
  name: string,
  schema: RecordSchemaSpec,
  format: DeclaredFormat | undefined,
): UploadExplanation | null {
  const fault = findColumnFault(schema, format ?? {});
  if (fault === null) return null;
  return {
    reason: 'ColumnsInvalid',
    message: `spec.format.columns does not fit the RecordSchema ${name}: ${fault}. Correct the RecordSchema, and the upload goes on by itself; or create the BatchUpload again with other columns.`,
  };
}

/** More than these would not fit into a condition. */
const MAX_SHOWN = 20;

/** Lists every fault of a schema with its path; null for a schema without a fault. */
export function describeFaults(schema: RecordSchemaSpec): string | null {
  const faults = findSchemaFaults(schema).map(({ message }) => message);
  if (faults.length === 0) return null;
  const more = faults.length > MAX_SHOWN ? [`and ${count(faults.length - MAX_SHOWN, 'more fault')}`] : [];
  return [...faults.slice(0, MAX_SHOWN), ...more].join('; ');
}
