/** Compiles the program for columns, which writes a record's row. */
import type { ColumnWriter, MemberForm, MemberWriter } from '#runner/processor/columns.ts';
import type { RuleCheck } from '#runner/processor/rules.ts';
import type { FieldSource } from './field-program.ts';
import { LAYOUT } from './kernel.gen.ts';
import { type ProgramMemory, wordsOf } from './program-memory.ts';

/** A row begins with the number of its columns. */
const ROW_HEADER_BYTES = 2;
const LENGTH_BYTES = 4;
const LARGEST_INTEGER = LENGTH_BYTES + 8;
/** A JSON column has its length and two braces besides its members. */
const JSON_BYTES = LENGTH_BYTES + 2;
/** One byte becomes at most six bytes in a JSON string. */
const JSON_FACTOR = 6;

const WHOLE_NUMBERS = { int2: LAYOUT.INT2, int4: LAYOUT.INT4, int8: LAYOUT.INT8 };

export interface ProgramSource extends FieldSource {
  rules: readonly RuleCheck[];
  writers: readonly ColumnWriter[];
  uploadId: Uint8Array;
}

/** A callback: the kernel asks for it by its number. */
export type External =
  | { kind: 'rule'; check: RuleCheck }
  | { kind: 'column'; write: ColumnWriter }
  | { kind: 'member'; write: MemberWriter };

export interface ColumnWords {
  words: number[];
  /** A row has at most `rowBytes` + `rowFactor` × the bytes of its record. */
  rowBytes: number;
  rowFactor: number;
  externals: External[];
}

/** The columns that are compiled so far. Code that adds an instruction also adds the room for the bytes it writes. */
interface Compilation {
  readonly data: ProgramMemory;
  readonly positions: readonly number[];
  readonly uploadId: Uint8Array;
  readonly externals: External[];
  /** The bytes of a row that do not grow with its record. */
  rowBytes: number;
  /** How often a row may hold each field's bytes; bytes that JSON escapes count JSON_FACTOR times. */
  readonly uses: number[];
}

/** The values of an instruction by their offset, LAYOUT.OPERAND_*. */
type Operands = Record<number, number>;

/** @returns null when JSON objects stand deeper in each other than the kernel can follow */
export function columnWords(source: ProgramSource, data: ProgramMemory): ColumnWords | null {
  const { rules, writers, positions, checks, uploadId } = source;
  if (writers.some(({ form }) => form?.kind === 'json' && levelsOf(form.members) > LAYOUT.MOST_LEVELS)) return null;
  const uses = checks.map(() => 0);
  const all: Compilation = { data, positions, uploadId, externals: [], rowBytes: ROW_HEADER_BYTES, uses };
  const words = [
    ...rules.flatMap((check) => external(LAYOUT.RULE, { kind: 'rule', check }, all)),
    ...writers.flatMap((write) => columnOf(write, all)),
    ...instruction(LAYOUT.ROW_END),
  ];
  return { words, rowBytes: all.rowBytes, rowFactor: Math.max(...uses), externals: all.externals };
}

function levelsOf(members: readonly MemberWriter[]): number {
  const inner = members.map(({ form }) => (form?.kind === 'object' ? levelsOf(form.members) : 0));
  return 1 + Math.max(...inner);
}

function columnOf(write: ColumnWriter, all: Compilation): number[] {
  const { form } = write;
  switch (form?.kind) {
    case 'text':
      all.rowBytes += LENGTH_BYTES;
      return instruction(LAYOUT.TEXT, fieldOf(form.field, 1, all));
    case 'shortText': {
      all.rowBytes += LENGTH_BYTES;
      const operands = { ...fieldOf(form.field, 1, all), [LAYOUT.OPERAND_MOST]: form.most };
      return instruction(LAYOUT.SHORT_TEXT, operands);
    }
    case 'int2':
    case 'int4':
    case 'int8':
      all.rowBytes += LARGEST_INTEGER;
      return instruction(WHOLE_NUMBERS[form.kind], fieldOf(form.field, 0, all));
    case 'date':
      all.rowBytes += LARGEST_INTEGER;
      return instruction(LAYOUT.DATE, fieldOf(form.field, 0, all));
    case 'uploadId': {
      const { uploadId } = all;
      return instruction(LAYOUT.CONSTANT, textOf(Buffer.concat([Buffer.of(0, 0, 0, uploadId.length), uploadId]), all));
    }
    case 'rowNumber':
      all.rowBytes += LARGEST_INTEGER;
      return instruction(LAYOUT.ROW_NUMBER, { [LAYOUT.OPERAND_INTEGER]: WHOLE_NUMBERS[form.encoding] });
    case 'json': {
      all.rowBytes += JSON_BYTES;
      const opening = textOf(form.opening, all);
      const inside = [...membersOf(form.members, all), ...instruction(LAYOUT.JSON_COLUMN_END)];
      const count = (4 * inside.length) / LAYOUT.INSTRUCTION_BYTES;
      return [...instruction(LAYOUT.JSON_COLUMN, { ...opening, [LAYOUT.OPERAND_INSTRUCTIONS]: count }), ...inside];
    }
    case undefined:
      return external(LAYOUT.EXTERNAL, { kind: 'column', write }, all);
    default:
      throw new Error(form satisfies never);
  }
}

function membersOf(members: readonly MemberWriter[], all: Compilation): number[] {
  return members.flatMap((write) => memberOf(write, all));
}

function memberOf(write: MemberWriter, all: Compilation): number[] {
  const { form } = write;
  switch (form?.kind) {
    case 'text':
      return instruction(LAYOUT.JSON_TEXT, { ...fieldOf(form.field, JSON_FACTOR, all), ...prefixesOf(form, all) });
    case 'integer':
      return instruction(LAYOUT.JSON_INTEGER, { ...fieldOf(form.field, 1, all), ...prefixesOf(form, all) });
    case 'object':
      return [
        ...instruction(LAYOUT.JSON_OBJECT, prefixesOf(form, all)),
        ...membersOf(form.members, all),
        ...instruction(LAYOUT.JSON_OBJECT_END),
      ];
    case undefined:
      return external(LAYOUT.JSON_EXTERNAL, { kind: 'member', write }, all);
    default:
      throw new Error(form satisfies never);
  }
}

function instruction(operation: number, operands: Operands = {}): number[] {
  return wordsOf(LAYOUT.INSTRUCTION_BYTES, { ...operands, [LAYOUT.OPERATION]: operation });
}

function external(operation: number, callee: External, all: Compilation): number[] {
  all.externals.push(callee);
  all.rowBytes += LAYOUT.EXTERNAL_ROOM;
  return instruction(operation, { [LAYOUT.OPERAND_CALLBACK]: all.externals.length - 1 });
}

/** @param factor how many bytes one byte of the field may take in the row */
function fieldOf(field: number, factor: number, all: Compilation): Operands {
  all.uses[field]! += factor;
  return { [LAYOUT.OPERAND_FIELD]: field, [LAYOUT.OPERAND_POSITION]: all.positions[field]! };
}

function textOf(text: Uint8Array, all: Compilation): Operands {
  all.rowBytes += text.length;
  return { [LAYOUT.OPERAND_ADDRESS]: all.data.bytes(text), [LAYOUT.OPERAND_LENGTH]: text.length };
}

/** The room has one byte more than the longer prefix: a string's closing quote, or an object's closing brace. */
function prefixesOf({ prefixes: { first, next } }: MemberForm, all: Compilation): Operands {
  all.rowBytes += Math.max(first.length, next.length) + 1;
  return {
    [LAYOUT.OPERAND_ADDRESS]: all.data.bytes(first),
    [LAYOUT.OPERAND_LENGTH]: first.length,
    [LAYOUT.OPERAND_NEXT_ADDRESS]: all.data.bytes(next),
    [LAYOUT.OPERAND_NEXT_LENGTH]: next.length,
  };
}
