/** A compiled schema as the programs that assembly/kernel.ts runs: 32-bit words, and the tables and texts they point to. */
import type { TestForm } from '#runner/processor/byte-tests.ts';
import type { FieldCheck } from '#runner/processor/check-field.ts';
import type { ColumnWriter, MemberForm, MemberWriter } from '#runner/processor/columns.ts';
import type { RuleCheck } from '#runner/processor/rules.ts';
import { LAYOUT } from './kernel.gen.ts';

export interface ProgramSource {
  /** Of each field of the schema, with its column in the file; -1 where it has none. */
  checks: readonly FieldCheck[];
  positions: readonly number[];
  rules: readonly RuleCheck[];
  writers: readonly ColumnWriter[];
  uploadId: Uint8Array;
}

/** What the kernel calls back for, by its number. */
export type External =
  | { kind: 'rule'; check: RuleCheck }
  | { kind: 'column'; write: ColumnWriter }
  | { kind: 'member'; write: MemberWriter };

export interface Program {
  fieldProgram: number;
  columnProgram: number;
  /** A row has at most `rowBytes` + `rowFactor` × the bytes of its record. */
  rowBytes: number;
  rowFactor: number;
  externals: External[];
}

/** No field is so long, and the kernel has no larger numbers. */
const NO_LIMIT = 0x7fff_ffff;
/** A byte inside of a JSON string becomes six at most. */
const JSON_FACTOR = 6;
const LENGTH_BYTES = 4;
const LARGEST_INTEGER = LENGTH_BYTES + 8;
/** Of a JSON column besides its members: its length and two braces. */
const JSON_BYTES = LENGTH_BYTES + 2;

/** Writes the programs into the kernel's memory. @returns null when they have no room there */
export function writeProgram(memory: ArrayBuffer, source: ProgramSource): Program | null {
  const data = createData(memory);
  const fields = fieldWords(source, data);
  const columns = columnWords(source, data);
  if (columns === null) return null;
  const fieldProgram = data.words(fields);
  const columnProgram = data.words(columns.words);
  if (data.isFull()) return null;
  const { rowBytes, rowFactor, externals } = columns;
  return { fieldProgram, columnProgram, rowBytes, rowFactor, externals };
}

type Data = ReturnType<typeof createData>;

/** The part of the memory that holds programs. What has no room is not written, and then nothing is used. */
function createData(memory: ArrayBuffer) {
  const known = new Map<string, number>();
  let at: number = LAYOUT.PROGRAM;
  const reserve = (length: number): number => {
    const start = Math.ceil(at / 8) * 8;
    // Up to fifteen bytes behind a text are read with it.
    at = start + length + 16;
    return start;
  };
  return {
    isFull: () => at > LAYOUT.PROGRAM_END,
    bytes(bytes: Uint8Array): number {
      const key = Buffer.from(bytes).toString('latin1');
      const before = known.get(key);
      if (before !== undefined) return before;
      const start = reserve(bytes.length);
      if (at <= LAYOUT.PROGRAM_END) new Uint8Array(memory).set(bytes, start);
      known.set(key, start);
      return start;
    },
    words(words: readonly number[]): number {
      const start = reserve(4 * words.length);
      if (at <= LAYOUT.PROGRAM_END) new Int32Array(memory).set(words, start / 4);
      return start;
    },
  };
}

function fieldWords({ checks, positions }: ProgramSource, data: Data): number[] {
  return checks.flatMap(({ required, tests }, i) => {
    // A field without quick tests is never fine at sight.
    const words = tests?.flatMap(({ form }) => testWords(form, data)) ?? [LAYOUT.TEST_CHARACTERS, 1, 0];
    return [positions[i]!, Number(required), 4 * (words.length + 1), ...words, LAYOUT.TESTS_END];
  });
}

function testWords(form: TestForm, data: Data): number[] {
  const limit = (length: number) => Math.min(length, NO_LIMIT);
  switch (form.kind) {
    case 'class':
      return [LAYOUT.TEST_CLASS, data.bytes(form.table), limit(form.least), limit(form.most)];
    case 'enum':
      return [
        LAYOUT.TEST_ENUM,
        form.values.length,
        ...form.values.flatMap((value) => [data.bytes(value), value.length]),
      ];
    case 'date':
      return [LAYOUT.TEST_DATE];
    case 'email':
      return [LAYOUT.TEST_EMAIL, data.bytes(form.local), data.bytes(form.label)];
    case 'characters':
      return [LAYOUT.TEST_CHARACTERS, limit(form.least), limit(form.most)];
    case 'notLengths':
      return [LAYOUT.TEST_NOT_LENGTHS, form.lengths.length, ...form.lengths];
    default:
      throw new Error(form satisfies never);
  }
}

interface ColumnWords {
  words: number[];
  rowBytes: number;
  rowFactor: number;
  externals: External[];
}

const WHOLE_NUMBERS = { int2: LAYOUT.INT2, int4: LAYOUT.INT4, int8: LAYOUT.INT8 };

function columnWords({ rules, writers, positions, checks, uploadId }: ProgramSource, data: Data): ColumnWords | null {
  const externals: External[] = [];
  const words = [writers.length];
  let rowBytes = 2;
  /** How often each field's bytes may stand in a row, escapes counted. */
  const uses = checks.map(() => 0);

  function external(operation: number, callee: External): number[] {
    externals.push(callee);
    rowBytes += LAYOUT.EXTERNAL_ROOM;
    return [operation, externals.length - 1];
  }

  function use(operation: number, field: number, factor: number): number[] {
    uses[field]! += factor;
    return [operation, field, positions[field]!];
  }

  function columnOf(write: ColumnWriter): number[] {
    const { form } = write;
    switch (form?.kind) {
      case 'text':
        rowBytes += LENGTH_BYTES;
        return use(LAYOUT.TEXT, form.field, 1);
      case 'int2':
      case 'int4':
      case 'int8':
        rowBytes += LARGEST_INTEGER;
        return use(WHOLE_NUMBERS[form.kind], form.field, 0);
      case 'date':
        rowBytes += LARGEST_INTEGER;
        return use(LAYOUT.DATE, form.field, 0);
      case 'uploadId': {
        const bytes = Buffer.concat([Buffer.of(0, 0, 0, uploadId.length), uploadId]);
        rowBytes += bytes.length;
        return [LAYOUT.CONSTANT, data.bytes(bytes), bytes.length];
      }
      case 'rowNumber':
        rowBytes += LARGEST_INTEGER;
        return [LAYOUT.ROW_NUMBER, WHOLE_NUMBERS[form.encoding]];
      case 'json':
        rowBytes += JSON_BYTES + form.opening.length;
        return [
          ...[LAYOUT.JSON_COLUMN, data.bytes(form.opening), form.opening.length],
          ...form.members.flatMap((member) => memberOf(member)),
          LAYOUT.JSON_COLUMN_END,
        ];
      case undefined:
        return external(LAYOUT.EXTERNAL, { kind: 'column', write });
      default:
        throw new Error(form satisfies never);
    }
  }

  function prefixesOf({ prefixes: { first, next } }: MemberForm): number[] {
    rowBytes += Math.max(first.length, next.length) + 1;
    return [data.bytes(first), first.length, data.bytes(next), next.length];
  }

  function memberOf(write: MemberWriter): number[] {
    const { form } = write;
    switch (form?.kind) {
      case 'text':
        return [...use(LAYOUT.JSON_TEXT, form.field, JSON_FACTOR), ...prefixesOf(form)];
      case 'integer':
        return [...use(LAYOUT.JSON_INTEGER, form.field, 1), ...prefixesOf(form)];
      case 'object':
        return [
          ...[LAYOUT.JSON_OBJECT, ...prefixesOf(form)],
          ...form.members.flatMap((member) => memberOf(member)),
          LAYOUT.JSON_OBJECT_END,
        ];
      case undefined:
        return external(LAYOUT.JSON_EXTERNAL, { kind: 'member', write });
      default:
        throw new Error(form satisfies never);
    }
  }

  if (writers.some(({ form }) => form?.kind === 'json' && levelsOf(form.members) > LAYOUT.MOST_LEVELS)) return null;
  for (const check of rules) words.push(...external(LAYOUT.RULE, { kind: 'rule', check }));
  for (const write of writers) words.push(...columnOf(write));
  words.push(LAYOUT.ROW_END);
  return { words, rowBytes, rowFactor: Math.max(...uses), externals };
}

function levelsOf(members: readonly MemberWriter[]): number {
  const inner = members.map(({ form }) => (form?.kind === 'object' ? levelsOf(form.members) : 0));
  return 1 + Math.max(...inner);
}
