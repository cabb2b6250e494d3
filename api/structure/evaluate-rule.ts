/** Evaluates the CEL rules of a CRD (x-kubernetes-validations), as an API server does. */
import { type CelEnv, celEnv, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';

let environment: CelEnv | undefined;
const programs = new Map<string, ReturnType<typeof plan>>();

/** @returns null where the rule cannot be computed from the value */
export function evaluateRule(rule: string, self: unknown): boolean | null {
  environment ??= celEnv({ funcs: strings });
  let program = programs.get(rule);
  if (!program) {
    program = plan(environment, parse(rule));
    programs.set(rule, program);
  }
  const answer: unknown = program({ self: toCel(self) as never });
  return typeof answer === 'boolean' ? answer : null;
}

/** CEL tells whole numbers from others; JavaScript does not. */
function toCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, toCel(child)]));
}
