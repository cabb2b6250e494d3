/** May an upload be accepted, as far as it can be said without the database? */
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { compileSchema, SchemaError } from '#runner/record-processor.ts';

/** Null when the schema can be used. */
export function checkSchema(
  namespace: string,
  name: string,
  schema: RecordSchemaSpec | null,
): UploadExplanation | null {
  if (schema === null) {
    return {
      reason: 'SchemaNotFound',
      message: `There is no RecordSchema ${name} in the namespace ${namespace}. The upload goes on when it is created.`,
    };
  }
  try {
    compileSchema(schema, null);
    return null;
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return {
      reason: 'SchemaInvalid',
      message: `The RecordSchema ${name} cannot be used: ${error.message}. The upload goes on when it is corrected.`,
    };
  }
}
