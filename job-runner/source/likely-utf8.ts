/** Characters of several bytes in UTF-8, in latin1 views of bytes. */

/** A character of several bytes in UTF-8, or (as a group) a byte that belongs to no such character. */
export const SEQUENCE = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|([\x80-\xff])/g;

/**
 * The UTF-8 of characters that files often hold: letters of Latin, Greek, Cyrillic, Hebrew, Arabic and East Asia,
 * punctuation, emoji. Read as Windows-1252 each of these sequences would be a letter with one or more symbols behind
 * it, which texts of Windows-1252 hardly ever have.
 */
export const LIKELY_SEQUENCE =
  /[\xc2-\xc5\xce-\xd1\xd7-\xd9][\x80-\xbf]|\xe2[\x80-\x82][\x80-\xbf]|\xe0[\xa4-\xb5\xb8-\xbb][\x80-\xbf]|[\xe1\xe3-\xed][\x80-\xbf]{2}|\xef[\xbc-\xbf][\x80-\xbf]|\xf0\x9f[\x80-\xbf]{2}/g;

/** A character that is not complete yet. */
export const CUT_AT_END = /(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})$/;
