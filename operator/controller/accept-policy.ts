/** Checks whether an upload may be accepted, as far as no database is needed for the answer. */
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { compileSchema, SchemaError } from '#runner/record-processor.ts';

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
  try {
    compileSchema(schema, null);
    return null;
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return {
      reason: 'SchemaInvalid',
      message: `The RecordSchema ${name} cannot be used: ${error.message}. Correct the RecordSchema; the upload then goes on by itself.`,
    };
  }
}
