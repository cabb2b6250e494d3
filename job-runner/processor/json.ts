/** Types of fields that hold JSON, and the quoting of JSON strings. */
import { CODES } from './faults.ts';
import { identity, type ValueType } from './value-type.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what JSON escapes
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/;

export function quoteJson(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Parsed JSON takes up to twenty times the memory of its text, here and in PostgreSQL. */
const MOST_CHARACTERS = 1024 * 1024;
/** PostgreSQL parses by recursion. */
const MOST_LEVELS = 100;

export const OBJECT: ValueType = jsonType('a JSON object', (value) => !Array.isArray(value));
export const ARRAY: ValueType = jsonType('a JSON array', Array.isArray);

function jsonType(what: string, isOne: (value: object) => boolean): ValueType {
  return {
    code: CODES.type,
    expectation: `${what} of at most 1 MiB and ${MOST_LEVELS} levels, without \\u0000`,
    read(text) {
      if (text.length > MOST_CHARACTERS || isTooDeep(text)) return undefined;
      const value = parse(text);
      if (typeof value !== 'object' || value === null || !isOne(value)) return undefined;
      return isStorable(text) ? text : undefined;
    },
    isValidBytes: null,
    toJson: identity,
    toCel: identity,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** A brace and a bracket differ in one bit; with that bit set, both openings are `{` and both closings are `}`. */
const OPEN = 0x7b;
const CLOSE = 0x7d;
const BRACE_OR_BRACKET = 0x20;

/** Counts levels before the text is parsed, when the text may be anything. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) quoted = !quoted;
    else if (quoted) i += char === BACKSLASH ? 1 : 0;
    else if ((char | BRACE_OR_BRACKET) === OPEN) depth += 1;
    else if ((char | BRACE_OR_BRACKET) === CLOSE) depth -= 1;
    if (depth > MOST_LEVELS) return true;
  }
  return false;
}

/**
 * Finds every escape of a text; its group holds those that PostgreSQL's jsonb refuses: NUL and half a surrogate pair.
 */
const ESCAPES =
  /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})|[\s\S])/g;

function isStorable(text: string): boolean {
  if (!text.includes('\\u')) return true;
  for (const [, refused] of text.matchAll(ESCAPES)) if (refused !== undefined) return false;
  return true;
}
