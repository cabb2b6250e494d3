/** Compiles expressions over a record's fields in CEL, https://cel.dev. */
import { type CelEnv, celEnv, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { addLiteralPattern, LINEAR_FUNCTIONS, PATTERNS } from './expression-functions.ts';
import { countElements, countSteps, withCountedSteps } from './expression-steps.ts';

export type ExpressionInput = Record<string, string | bigint | number | boolean | null>;
export type ExpressionValue = string | bigint | number | boolean | null;

export interface Expression {
  /** The names of the fields that the expression may read. */
  inputs: ReadonlySet<string>;
  /**
   * @throws TooManySteps when the evaluation would cost too much; Error when the expression does not apply to these
   * values. The message of the latter may hold values and must not be shown.
   */
  evaluate(input: ExpressionInput): ExpressionValue;
}

let shared: CelEnv | undefined;

/** The environment is made with the first expression, since most schemas have none. */
function celEnvironment(): CelEnv {
  shared ??= withCountedSteps(celEnv({ funcs: [...strings, ...LINEAR_FUNCTIONS], re2: PATTERNS }));
  return shared;
}

/**
 * A comparison and a choice take about 1.5 µs a call.
 * @throws Error when the text is not an expression, or names a field or a function that does not exist.
 */
export function compileExpression(text: string, fields: readonly string[]): Expression {
  const environment = celEnvironment();
  const parsed = parse(text);
  const { variables, functions } = findNames(parsed.expr);
  const known = new Set(fields);
  const unknown = [...variables].filter((name) => !known.has(name) && !TYPE_NAMES.has(name));
  if (unknown.length > 0) throw new Error(`there is no field ${unknown.join(', ')}`);
  const unbound = [...functions].filter((name) => !environment.funcs.find(name));
  if (unbound.length > 0) throw new Error(`there is no function ${unbound.join(', ')}`);
  countElements(parsed.expr);
  const program = plan(environment, parsed);
  return {
    inputs: new Set(fields.filter((name) => variables.has(name))),
    evaluate(input) {
      const value: unknown = countSteps(charactersOf(input), () => program(input));
      if (typeof value === 'string' && !isText(value)) throw new Error('the expression gives half a character, or NUL');
      if (value === null || ['string', 'bigint', 'number', 'boolean'].includes(typeof value))
        return value as ExpressionValue;
      throw value instanceof Error
        ? value
        : new Error('the expression gives neither text, a number, true, false nor null');
    },
  };
}

function charactersOf(input: ExpressionInput): number {
  let characters = 0;
  for (const name in input) {
    const value = input[name];
    if (typeof value === 'string') characters += value.length;
  }
  return characters;
}

/** Does PostgreSQL take the value as text? CEL's substring() can cut a character in two. */
function isText(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}

/** `type(x)` may be compared with these names. */
const TYPE_NAMES = new Set(['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint']);

type Expr = ReturnType<typeof parse>['expr'];
interface Names {
  variables: Set<string>;
  functions: Set<string>;
}

/** Finds the free variables and the functions of a tree; operators are built in and left out. */
function findNames(root: Expr): Names {
  const names: Names = { variables: new Set(), functions: new Set() };
  collectNames(root, new Set(), names);
  return names;
}

function noteLiteralPattern(arg: Expr | undefined): void {
  const kind = arg?.exprKind;
  if (kind?.case !== 'constExpr' || kind.value.constantKind.case !== 'stringValue') return;
  addLiteralPattern(kind.value.constantKind.value);
}

function collectNames(expr: Expr | undefined, bound: ReadonlySet<string>, names: Names): void {
  const kind = expr?.exprKind;
  const visit = (child: Expr | undefined) => collectNames(child, bound, names);
  switch (kind?.case) {
    case 'identExpr':
      if (!bound.has(kind.value.name)) names.variables.add(kind.value.name);
      return;
    case 'selectExpr':
      visit(kind.value.operand);
      return;
    case 'callExpr': {
      const { function: name, target, args } = kind.value;
      // In a call such as strings.quote(x) the target is a part of the function's name.
      const qualified = target?.exprKind.case === 'identExpr' ? `${target.exprKind.value.name}.${name}` : name;
      const isQualified = qualified !== name && celEnvironment().funcs.find(qualified) !== undefined;
      if (/^[A-Za-z]/.test(name) && !isQualified) names.functions.add(name);
      if (!isQualified) visit(target);
      for (const arg of args) visit(arg);
      if (name === 'matches') noteLiteralPattern(args[0]);
      return;
    }
    case 'listExpr':
      for (const element of kind.value.elements) visit(element);
      return;
    case 'structExpr':
      for (const { keyKind, value } of kind.value.entries) {
        if (keyKind.case === 'mapKey') visit(keyKind.value);
        visit(value);
      }
      return;
    case 'comprehensionExpr': {
      const { iterVar, iterVar2, accuVar, iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      visit(iterRange);
      visit(accuInit);
      const inner = new Set([...bound, iterVar, iterVar2, accuVar]);
      for (const child of [loopCondition, loopStep, result]) collectNames(child, inner, names);
      return;
    }
    default:
  }
}
