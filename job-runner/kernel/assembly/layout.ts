/**
 * The contract between the kernel and its callers in TypeScript: where things lie in the memory, the shape of an
 * instruction, and all operations. The exported constants are the single definition: the kernel compiles them in, and
 * the generator copies their values to LAYOUT in kernel.gen.ts. Addresses, offsets and lengths are in bytes; a word has
 * 32 bits.
 */

// The memory never grows. Every region that bytes are copied from or to has room for 15 more bytes behind it.
export const MOST_COLUMNS: i32 = 2048;
export const MOST_ROWS: i32 = 2048;
/** One byte per field of the schema: 0 when the field has no value, 1 when its value is the field's bytes. */
export const KINDS: i32 = 1024;
/** One word per column of the file in each list: where the field's bytes start, and where they end. */
export const STARTS: i32 = KINDS + MOST_COLUMNS;
export const ENDS: i32 = STARTS + 4 * MOST_COLUMNS;
/** One word per row of a run in each list: where the row's record ends, and where the row itself ends. */
export const RECORD_ENDS: i32 = ENDS + 4 * MOST_COLUMNS;
export const ROW_ENDS: i32 = RECORD_ENDS + 4 * MOST_ROWS;
/** The columns of the record under way that hold doubled quotes. */
export const ESCAPED: i32 = ROW_ENDS + 4 * MOST_ROWS;
/** 256 bytes: 1 for a byte with which a blank field may begin. */
export const MAY_BE_BLANK: i32 = ESCAPED + 4 * MOST_COLUMNS;
/** Eight bytes for each byte: the length of its escape in a JSON string, or 0 for none; then the escape. */
export const JSON_ESCAPES: i32 = MAY_BE_BLANK + 256;
export const PROGRAM: i32 = JSON_ESCAPES + 8 * 256;
export const PROGRAM_END: i32 = 192 * 1024;
export const WINDOW: i32 = PROGRAM_END;
export const WINDOW_BYTES: i32 = 128 * 1024;
export const OUT: i32 = WINDOW + WINDOW_BYTES + 64;
export const OUT_END: i32 = 1024 * 1024 - 64;

/** How a run ended: the next record is not ordinary, does not end in the window, or its row has no room. */
export const NOT_ORDINARY: i32 = 0;
export const INCOMPLETE: i32 = 1;
export const FULL: i32 = 2;

// The program for fields: for each field of the schema a header, then the field's tests, then TESTS_END.
/** The field's column in the file, or -1. */
export const FIELD_POSITION: i32 = 0;
/** 1 when a record without a value is not ordinary. */
export const FIELD_REQUIRED: i32 = 4;
/** The length of the field's tests, TESTS_END included. */
export const FIELD_TESTS_BYTES: i32 = 8;
export const FIELD_BYTES: i32 = 12;

/** Each instruction of both programs begins with a word that names the operation. */
export const OPERATION: i32 = 0;

// A test is an instruction of TEST_BYTES. An operation that takes a list has its address and the number of its entries.
export const TEST_LIST: i32 = 4;
export const TEST_COUNT: i32 = 8;
/** 256 bytes: 1 for a byte that may stand in the value; for an e-mail address, in the part before the @. */
export const TEST_TABLE: i32 = 4;
/** The same for the labels of the domain in an e-mail address. */
export const TEST_LABEL_TABLE: i32 = 8;
export const TEST_LEAST: i32 = 8;
export const TEST_MOST: i32 = 12;
export const TEST_BYTES: i32 = 16;

// Operations of a test, each with its operands.
export const TESTS_END: i32 = 0;
/** TABLE, LEAST, MOST: every byte is in the table, and the length is from least to most. */
export const TEST_CLASS: i32 = 1;
/** LIST, COUNT: the value is one of the list, whose entries are an address and a length. */
export const TEST_ENUM: i32 = 2;
export const TEST_DATE: i32 = 3;
/** TABLE, LABEL_TABLE. */
export const TEST_EMAIL: i32 = 4;
/** LEAST, MOST: the number of characters. */
export const TEST_CHARACTERS: i32 = 5;
/** LIST, COUNT: the value's length is none of the list. */
export const TEST_NOT_LENGTHS: i32 = 6;

// The program for columns is a list of instructions of INSTRUCTION_BYTES. Operands that no operation needs together may
// have the same offset.
/** The index of a field of the schema. */
export const OPERAND_FIELD: i32 = 4;
/** The column of that field in the file. */
export const OPERAND_POSITION: i32 = 8;
/** Bytes that the row gets as they are. For a JSON member they precede its value where it is the object's first. */
export const OPERAND_ADDRESS: i32 = 12;
export const OPERAND_LENGTH: i32 = 16;
/** The bytes that precede a JSON member's value where the object has other members already. */
export const OPERAND_NEXT_ADDRESS: i32 = 20;
export const OPERAND_NEXT_LENGTH: i32 = 24;
/** The number of the callback. */
export const OPERAND_CALLBACK: i32 = 4;
/** The operation INT2, INT4 or INT8, as which the row number is written. */
export const OPERAND_INTEGER: i32 = 4;
/** How many characters the column of a SHORT_TEXT keeps. */
export const OPERAND_MOST: i32 = 12;
/** How many instructions stand inside of a JSON column, its JSON_COLUMN_END included. */
export const OPERAND_INSTRUCTIONS: i32 = 4;
export const INSTRUCTION_BYTES: i32 = 28;

// Operations of a column, each with its operands.
export const ROW_END: i32 = 0;
/** FIELD, POSITION; the same for INT2, INT4, INT8 and DATE. */
export const TEXT: i32 = 1;
export const INT2: i32 = 2;
export const INT4: i32 = 3;
export const INT8: i32 = 4;
export const DATE: i32 = 5;
/** ADDRESS, LENGTH: a column with its length before it. */
export const CONSTANT: i32 = 6;
/** INTEGER. */
export const ROW_NUMBER: i32 = 7;
/** CALLBACK: a column. */
export const EXTERNAL: i32 = 8;
/** CALLBACK: a rule, which writes nothing. */
export const RULE: i32 = 9;
/** INSTRUCTIONS, ADDRESS, LENGTH: the members follow up to JSON_COLUMN_END. */
export const JSON_COLUMN: i32 = 10;
/** ADDRESS, LENGTH, NEXT_ADDRESS, NEXT_LENGTH: the members follow up to JSON_OBJECT_END. */
export const JSON_OBJECT: i32 = 11;
/** FIELD, POSITION, ADDRESS, LENGTH, NEXT_ADDRESS, NEXT_LENGTH; the same for JSON_INTEGER. */
export const JSON_TEXT: i32 = 12;
export const JSON_INTEGER: i32 = 13;
/** CALLBACK: a member. */
export const JSON_EXTERNAL: i32 = 14;
export const JSON_OBJECT_END: i32 = 15;
export const JSON_COLUMN_END: i32 = 16;
/** FIELD, POSITION, MOST: a text that may have more characters and ends with a blank is not ordinary. */
export const SHORT_TEXT: i32 = 17;

/** The bytes that a callback may write. */
export const EXTERNAL_ROOM: i32 = 4096;

/** The open JSON objects, outermost first: where the object begins, and whether it was its parent's first member. */
export const LEVELS: i32 = 0;
export const LEVEL_IS_FIRST: i32 = 4;
export const LEVEL_BYTES: i32 = 8;
export const MOST_LEVELS: i32 = 64;
