/** The code of a record's fault in words for a clerk. Pure. */
import { isTextKey, type Language, type TextKey, text, type ValuesOf } from '#page/texts/text.ts';
import type { FaultGroup } from './fault-groups.ts';

export interface CodeWords {
  what: string;
  mend: string;
  /** The words are those of the schema or the gateway, and not in the page's language. */
  isForeign: boolean;
}

/** A code that the page does not know is one of the schema, whose rule says itself what must hold. */
export function explainCode({ code, message }: Pick<FaultGroup, 'code' | 'message'>, language: Language): CodeWords {
  const what = `code.${code}`;
  const mend = `code.${code}-mend`;
  if (isTextKey(what) && isTextKey(mend)) {
    return { what: plain(what, language), mend: plain(mend, language), isForeign: false };
  }
  return {
    what: message ?? text('faults.what-rule', {}, language),
    mend: text('faults.mend-rule', {}, language),
    isForeign: message !== null,
  };
}

/** Texts of codes have no names in braces. */
const plain = (key: TextKey, language: Language) => text(key, {} as ValuesOf<TextKey>, language);
