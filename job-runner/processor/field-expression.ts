/** Compiles CEL expressions over the fields of a record by their names; a missing value is null. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { FieldCheck } from './check-field.ts';
import { compileExpression, type Expression, type ExpressionInput, type ExpressionValue } from './expression.ts';
import type { FieldValues } from './field-values.ts';
import { rememberAnswers } from './remember-answers.ts';
import { SchemaError } from './schema-error.ts';

/** The fields of a schema and their checks, in the same order. */
export interface CompileContext {
  schema: RecordSchemaSpec;
  checks: FieldCheck[];
}

export interface FieldExpression {
  /** The indexes of the fields that the expression reads. */
  inputs: readonly number[];
  /** @throws Error when the expression cannot be computed; the message may hold values and must not be shown. */
  evaluate(values: FieldValues): ExpressionValue;
}

/** @throws SchemaError */
export function compileFieldExpression(
  text: string,
  path: string,
  { schema, checks }: CompileContext,
): FieldExpression {
  const names = schema.fields.map(({ name }) => name);
  let expression: Expression;
  try {
    expression = compileExpression(text, names);
  } catch (error) {
    throw new SchemaError(path, `is not a CEL expression: ${(error as Error).message}`, error);
  }
  const inputs = names.flatMap((name, index) => (expression.inputs.has(name) ? [index] : []));
  const evaluate = rememberAnswers((texts) => {
    const input: ExpressionInput = {};
    for (const [i, index] of inputs.entries()) {
      const value = texts[i];
      input[names[index]!] = value === undefined ? null : checks[index]!.type.toCel(value);
    }
    return expression.evaluate(input);
  });
  const texts = inputs.map((): string | undefined => undefined);
  return {
    inputs,
    evaluate(values) {
      for (let i = 0; i < inputs.length; i += 1) texts[i] = values.text(inputs[i]!);
      return evaluate(texts);
    },
  };
}
