/**
 * Limits what one evaluation of a CEL expression may cost. `a.replace('', a)` over a field of a megabyte would give a
 * text of a terabyte, and macros inside each other take time that grows with a power of the field's length. The CEL
 * library has no limit. Every call of a function and every element of a macro's list is therefore counted in steps
 * before it is computed. The steps depend on the record and the expression alone, so the same record has the same fault
 * on every machine and in every run.
 */
import { type CelEnv, type CelFunc, type CelList, type CelValue, isCelList, isCelMap, type parse } from '@bufbuild/cel';

/** One evaluation may take this many steps, and more for each character that it reads. A step takes about 20 ns. */
const LEAST_LIMIT = 1_000_000;
const STEPS_PER_CHARACTER = 20;
/** The limit for a record of any length; with it a result has at most some 64 million characters. */
const MOST_STEPS = 64_000_000;

/** The steps of a call itself, and of an element of a list. A character that is read or written is one step. */
const CALL = 10;
const ELEMENT = 50;
/** The search for a long text in another one compares this many characters in a step. */
const COMPARED_PER_STEP = 32;

/** The evaluation would take more steps than it may. */
export class TooManySteps extends Error {}

/** The steps that the evaluation under way may still take. Evaluations are synchronous, and none is inside another. */
let left = 0;

/** Counts steps before they are taken. @throws TooManySteps */
export function takeSteps(steps: number): void {
  left -= steps;
  if (left < 0) throw new TooManySteps();
}

/**
 * Runs one evaluation over inputs of so many characters.
 * @throws TooManySteps
 */
export function countSteps<T>(characters: number, evaluate: () => T): T {
  left = Math.min(MOST_STEPS, LEAST_LIMIT + STEPS_PER_CHARACTER * characters);
  const value = evaluate();
  // CEL's `||` would swallow an error of one side if the other side is true.
  if (left < 0) throw new TooManySteps();
  return value;
}

/** The name of the function that counts the elements of a macro's list. No expression can name it. */
const COUNT_ELEMENTS = '@count_elements';

/** @returns the environment with functions that count their steps. */
export function withCountedSteps(environment: CelEnv): CelEnv {
  const counted = new Map<string, CelFunc | undefined>();
  const find = (name: string) => {
    if (name === COUNT_ELEMENTS) return ELEMENT_COUNTER;
    if (!counted.has(name)) counted.set(name, countCalls(name, environment.funcs.find(name) as CelFunc | undefined));
    return counted.get(name);
  };
  return Object.create(environment, { funcs: { value: { find } } });
}

type Call = CelFunc['call'];

const ELEMENT_COUNTER = {
  call: ((_id, _target, [list]) => {
    if (isCelList(list) || isCelMap(list)) takeSteps(ELEMENT * list.size);
    return list;
  }) satisfies Call,
} as CelFunc;

function countCalls(name: string, func: CelFunc | undefined): CelFunc | undefined {
  if (!func) return undefined;
  const stepsOf = STEPS_OF[name] ?? stepsToRead;
  const call: Call = (id, target, args) => {
    takeSteps(CALL + stepsOf(target, args));
    const value = func.call(id, target, args);
    if (typeof value === 'string') takeSteps(value.length);
    return value;
  };
  return Object.create(func, { call: { value: call } });
}

type StepsOf = (target: CelValue | undefined, args: readonly CelValue[]) => number;

const stepsToRead: StepsOf = (target, args) => {
  let steps = sizeOf(target);
  for (const arg of args) steps += sizeOf(arg);
  return steps;
};

/** Looks for one text in another one; in the worst case each character of one is compared with each of the other. */
const stepsToSearch: StepsOf = (target, args) =>
  stepsToRead(target, args) + (lengthOf(target) * lengthOf(args[0])) / COMPARED_PER_STEP;

/** The functions that take other steps than to read their arguments once. */
const STEPS_OF: Record<string, StepsOf> = {
  size: (target, args) => lengthOf(target) + lengthOf(args[0]),
  // A list is appended to in place, and the elements of the first one are not read.
  '_+_': (_target, [a, b]) => lengthOf(a) + lengthOf(b) + (isCelList(b) ? ELEMENT * b.size : 0),
  contains: stepsToSearch,
  indexOf: stepsToSearch,
  lastIndexOf: stepsToSearch,
  replace: stepsToSearch,
  split: (target, args) => stepsToSearch(target, args) + ELEMENT * countParts(target, args[0]),
  join: (target, args) => sizeOf(target) + (isCelList(target) ? target.size * lengthOf(args[0]) : 0),
};

function lengthOf(value: CelValue | undefined): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
}

/**
 * The number of characters in a value and of its elements. Lists may hold each other many times over.
 * @throws TooManySteps as soon as the size is more than may be read.
 */
function sizeOf(value: CelValue | undefined, before = 0): number {
  if (before > left) takeSteps(before);
  if (isCelList(value)) return sizeOfAll(value, before);
  if (isCelMap(value)) return sizeOfAll(value.keys(), before) + sizeOfAll(value.values(), before);
  return lengthOf(value);
}

function sizeOfAll(values: CelList | Iterable<CelValue>, before: number): number {
  let size = 0;
  for (const value of values) size += ELEMENT + sizeOf(value, before + size);
  return size;
}

function countParts(text: CelValue | undefined, separator: CelValue | undefined): number {
  if (typeof text !== 'string' || typeof separator !== 'string') return 0;
  return separator === '' ? text.length : countOccurrences(text, separator) + 1;
}

/** Counts how often a text that is not empty occurs in another one. */
export function countOccurrences(text: string, wanted: string): number {
  let count = 0;
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + wanted.length)) count += 1;
  return count;
}

type Expr = ReturnType<typeof parse>['expr'] | undefined;

/** Wraps the list of every macro into {@link COUNT_ELEMENTS}. Changes the tree. */
export function countElements(expr: Expr): void {
  const kind = expr?.exprKind;
  switch (kind?.case) {
    case 'selectExpr':
      countElements(kind.value.operand);
      return;
    case 'callExpr':
      for (const child of [kind.value.target, ...kind.value.args]) countElements(child);
      return;
    case 'listExpr':
      for (const element of kind.value.elements) countElements(element);
      return;
    case 'structExpr':
      for (const { keyKind, value } of kind.value.entries) {
        if (keyKind.case === 'mapKey') countElements(keyKind.value);
        countElements(value);
      }
      return;
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      for (const child of [iterRange, accuInit, loopCondition, loopStep, result]) countElements(child);
      if (!iterRange) return;
      const call = { $typeName: 'cel.expr.Expr.Call' as const, function: COUNT_ELEMENTS, args: [iterRange] };
      kind.value.iterRange = { ...iterRange, exprKind: { case: 'callExpr', value: call } };
      return;
    }
    default:
  }
}
