/** Compiles the rules over the fields of one record, in CEL. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { TooManySteps } from './expression-steps.ts';
import { stepsFault } from './faults.ts';
import { type CompileContext, compileFieldExpression } from './field-expression.ts';
import { type FieldValues, INVALID } from './field-values.ts';
import type { RecordFault } from './record-fault.ts';

type Rule = NonNullable<RecordSchemaSpec['rules']>[number];

/** Null when the rule holds, and when a field that the rule reads has a fault itself: that fault says enough. */
export type RuleCheck = (values: FieldValues) => RecordFault | null;

/** @throws SchemaError */
export function compileRule({ rule, message, code }: Rule, path: string, context: CompileContext): RuleCheck {
  const { inputs, evaluate } = compileFieldExpression(rule, `${path}.rule`, context);
  const violated: RecordFault = { code, field: null, message };
  const notComputed: RecordFault = {
    code,
    field: null,
    message: `The rule cannot be computed from this record: ${message}`,
  };
  const tooCostly = stepsFault(`The rule ${code}`);
  return (values) => {
    for (const index of inputs) if (values.kinds[index] === INVALID) return null;
    try {
      const answer = evaluate(values);
      if (answer === true) return null;
      return answer === false ? violated : notComputed;
    } catch (error) {
      return error instanceof TooManySteps ? tooCostly : notComputed;
    }
  };
}
