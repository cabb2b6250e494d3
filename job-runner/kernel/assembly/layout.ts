/** What the kernel and those who call it have agreed on. Of the exported constants kernel.gen.ts has the values. */

// Where things lie in the memory, which never grows. There is room for 15 more bytes behind everything that is copied.
export const MOST_COLUMNS: i32 = 2048;
export const MOST_ROWS: i32 = 2048;
export const KINDS: i32 = 1024;
export const STARTS: i32 = KINDS + MOST_COLUMNS;
export const ENDS: i32 = STARTS + 4 * MOST_COLUMNS;
/** Of each row of a run: where its record ends, and where itself does. */
export const RECORD_ENDS: i32 = ENDS + 4 * MOST_COLUMNS;
export const ROW_ENDS: i32 = RECORD_ENDS + 4 * MOST_ROWS;
/** The fields of a record that hold doubled quotes. */
export const ESCAPED: i32 = ROW_ENDS + 4 * MOST_ROWS;
/** 1 for a byte with which a blank field may begin. */
export const MAY_BE_BLANK: i32 = ESCAPED + 4 * MOST_COLUMNS;
/** For each byte its length inside a JSON string, 0 as it is, and what stands there: eight bytes. */
export const JSON_ESCAPES: i32 = MAY_BE_BLANK + 256;
export const PROGRAM: i32 = JSON_ESCAPES + 8 * 256;
export const PROGRAM_END: i32 = 192 * 1024;
export const WINDOW: i32 = PROGRAM_END;
export const WINDOW_BYTES: i32 = 128 * 1024;
export const OUT: i32 = WINDOW + WINDOW_BYTES + 64;
export const OUT_END: i32 = 1024 * 1024 - 64;

/** How a run ended: the next record is not ordinary, does not end in the window, or has no room for its row. */
export const NOT_ORDINARY: i32 = 0;
export const INCOMPLETE: i32 = 1;
export const FULL: i32 = 2;

// Tests of a field.
export const TESTS_END: i32 = 0;
export const TEST_CLASS: i32 = 1;
export const TEST_ENUM: i32 = 2;
export const TEST_DATE: i32 = 3;
export const TEST_EMAIL: i32 = 4;
export const TEST_CHARACTERS: i32 = 5;
export const TEST_NOT_LENGTHS: i32 = 6;

// Operations of the columns.
export const ROW_END: i32 = 0;
export const TEXT: i32 = 1;
export const INT2: i32 = 2;
export const INT4: i32 = 3;
export const INT8: i32 = 4;
export const DATE: i32 = 5;
export const CONSTANT: i32 = 6;
export const ROW_NUMBER: i32 = 7;
export const EXTERNAL: i32 = 8;
export const RULE: i32 = 9;
export const JSON_COLUMN: i32 = 10;
export const JSON_OBJECT: i32 = 11;
export const JSON_TEXT: i32 = 12;
export const JSON_INTEGER: i32 = 13;
export const JSON_EXTERNAL: i32 = 14;
export const JSON_OBJECT_END: i32 = 15;
export const JSON_COLUMN_END: i32 = 16;

/** Bytes that a call back may write. */
export const EXTERNAL_ROOM: i32 = 4096;

/** JSON objects that are open, the outermost first: where each begins, and whether nothing is in it yet. */
export const LEVELS: i32 = 0;
export const MOST_LEVELS: i32 = 64;
