/** What columns of texts, of JSON, and of several values have no room for; column-fit.ts has the table. */
import { hasKeyTwice } from '#runner/csv/json-keys.ts';
import type { Fit } from './column-fit.ts';

const SPACE = 0x20;

/**
 * PostgreSQL cuts blanks behind the last character that fits into a varchar, and refuses every other character there.
 * @param most in characters
 */
export function keepsBlanks(most: number): Fit {
  return {
    mostCharacters: most,
    isKept: (bytes, start, end) => end - start <= most || bytes[end - 1] !== SPACE,
    loses: (text) =>
      /^ +$/.test(Array.from(text).slice(most).join(''))
        ? `keeps ${most} characters, and the value has blanks behind them`
        : null,
  };
}

const BRACE = 0x7b;

/** A column of the type jsonb keeps the last of the values with one key. */
export const KEEPS_ONE_KEY: Fit = {
  isKept: (bytes, start, end) => !bytes.subarray(start, end).includes(BRACE),
  loses: (text) => (isAmbiguous(text) ? 'keeps one value of each key, and the JSON has a key twice' : null),
};

/** PostgreSQL itself refuses a text that is not JSON. */
function isAmbiguous(text: string): boolean {
  try {
    return hasKeyTwice(text) && JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
}

/** The bounds of the dimensions of an array, which may stand before the elements: [0:1]={a,b}. */
const DIMENSIONS = /^\s*(?:\[[-+\d:]+\])+\s*=/;

/** An element of an array or a bound of a range, as PostgreSQL reads them from a text. */
const ELEMENT = /"((?:[^"\\]+|\\.|"")*)"|(?:\\.|[^\s\\,"[\](){}])(?:[^\\,"[\](){}]+|\\.)*/gs;

/** Looks at each element of an array, or at the bounds of a range. */
export function eachElement(fit: Fit | null): Fit | null {
  if (fit === null) return null;
  return {
    loses(text) {
      for (const [found, quoted] of text.replace(DIMENSIONS, '').matchAll(ELEMENT)) {
        if (quoted === undefined && found.trimEnd().toUpperCase() === 'NULL') continue;
        const lost = fit.loses((quoted ?? trimEnd(found)).replaceAll(/\\(.)|"(")/gs, '$1$2'));
        if (lost !== null) return lost;
      }
      return null;
    },
  };
}

/** Blanks at the end are not a part of an element without quotes, except the one behind a backslash. */
function trimEnd(element: string): string {
  const trimmed = element.trimEnd();
  const isEscaped = /(?:^|[^\\])(?:\\\\)*\\$/.test(trimmed);
  return isEscaped ? element.slice(0, trimmed.length + 1) : trimmed;
}
