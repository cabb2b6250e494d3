/** CEL behind an interface of our own: an expression over a record's fields. https://cel.dev */
import { celEnv, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';

export type ExpressionInput = Record<string, string | bigint | number | boolean | null>;
export type ExpressionValue = string | bigint | number | boolean | null;

export interface Expression {
  /** Names of the fields that the expression may read. */
  inputs: ReadonlySet<string>;
  /** @throws Error when the expression does not apply to these values; the message may hold them and is not for people. */
  evaluate(input: ExpressionInput): ExpressionValue;
}

const environment = celEnv({ funcs: strings });

/** About 1.5 µs a call for a comparison and a choice. @throws Error when the text is no expression. */
export function compileExpression(text: string, fields: readonly string[]): Expression {
  const words = new Set(text.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? []);
  const inputs = new Set(fields.filter((name) => words.has(name)));
  const program = plan(environment, parse(text));
  return {
    inputs,
    evaluate(input) {
      const value: unknown = program(input);
      if (value === null || ['string', 'bigint', 'number', 'boolean'].includes(typeof value))
        return value as ExpressionValue;
      throw value instanceof Error
        ? value
        : new Error('the expression gives neither text, a number, true, false nor null');
    },
  };
}
