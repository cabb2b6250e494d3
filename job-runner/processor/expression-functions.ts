/** CEL functions that the library computes slowly or not in linear time, computed in time linear in the text. */
import {
  type CelFunc,
  type CelList,
  CelScalar,
  type CelValue,
  celFunc,
  celList,
  celMethod,
  listType,
} from '@bufbuild/cel';
import { RE2JS } from 're2js';
import { countOccurrences, takeSteps } from './expression-steps.ts';

const { STRING, INT, DYN } = CelScalar;
const LIST = listType(DYN);

/** The CEL library's own functions of these names are replaced. */
export const LINEAR_FUNCTIONS: CelFunc[] = [
  celMethod('replace', STRING, [STRING, STRING], STRING, function (wanted, put) {
    return replace(this, wanted, put, Number.POSITIVE_INFINITY);
  }),
  celMethod('replace', STRING, [STRING, STRING, INT], STRING, function (wanted, put, most) {
    return replace(this, wanted, put, most < 0n ? Number.POSITIVE_INFINITY : Number(most));
  }),
  celMethod('lowerAscii', STRING, [], STRING, function () {
    return this.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  }),
  celMethod('upperAscii', STRING, [], STRING, function () {
    return this.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
  }),
  celFunc('_+_', [LIST, LIST], LIST, append),
];

/**
 * Replaces the first occurrences of a text. An empty text occurs before every character and at the end, as the
 * definition of CEL's extension has it.
 */
function replace(text: string, wanted: string, put: string, most: number): string {
  const characters = wanted === '' ? [...text] : null;
  const count = Math.min(most, characters ? characters.length + 1 : countOccurrences(text, wanted));
  takeSteps(text.length + count * put.length);
  if (characters) {
    const marked = characters.map((character, i) => (i < count ? put + character : character)).join('');
    return count > characters.length ? marked + put : marked;
  }
  const parts: string[] = [];
  let from = 0;
  for (let done = 0; done < count; done += 1) {
    const at = text.indexOf(wanted, from);
    parts.push(text.slice(from, at));
    from = at + wanted.length;
  }
  parts.push(text.slice(from));
  return parts.join(put);
}

/** The elements behind a list that {@link append} made. Lists that were appended to each other share them. */
const elements = new WeakMap<CelList, CelValue[]>();

/**
 * Appends in place where the first list is the longest one of those that share its elements: the macros map() and
 * filter() append every element to the list before it. The library's own lists become so deep that reading one of some
 * thousand elements runs out of stack.
 */
function append(list: CelList, added: CelList): CelList {
  let all = elements.get(list);
  if (all?.length !== list.size) all = [...list];
  for (const value of added) all.push(value);
  const shared = all;
  const size = all.length;
  const appended: CelList = Object.create(celList(all), {
    size: { value: size },
    values: { value: () => shared.slice(0, size).values() },
  });
  elements.set(appended, all);
  return appended;
}

const MOST_PATTERNS = 64;
/** Steps to compile a character of a pattern: 100 characters take some milliseconds. */
const STEPS_TO_COMPILE = 1000;
/** Steps to match a character of a text. */
const STEPS_TO_MATCH = 10;
const compiledPatterns = new Map<string, RE2JS>();
/** Patterns that stand in an expression itself. A schema has few of them, and each is compiled once. */
const literalPatterns = new Set<string>();

export function addLiteralPattern(pattern: string): void {
  literalPatterns.add(pattern);
}

/** The next schema of the process has patterns of its own: what a record may cost must not depend on the schemas before. */
export function forgetLiteralPatterns(): void {
  literalPatterns.clear();
}

/** RE2 takes time that is linear in the text. Patterns that were compiled are used again. */
export const PATTERNS = {
  compile: (pattern: string) => ({
    test(text: string): boolean {
      // The steps must not depend on the patterns that were compiled before.
      if (!literalPatterns.has(pattern)) takeSteps(pattern.length * STEPS_TO_COMPILE);
      takeSteps(text.length * STEPS_TO_MATCH);
      return compilePattern(pattern).test(text);
    },
  }),
};

function compilePattern(pattern: string): RE2JS {
  const known = compiledPatterns.get(pattern);
  if (known) return known;
  if (compiledPatterns.size === MOST_PATTERNS) compiledPatterns.clear();
  const compiled = RE2JS.compile(pattern);
  compiledPatterns.set(pattern, compiled);
  return compiled;
}
