/** A program that names an operation which the kernel does not have ends the run with a trap, and never with a wrong row. */
import { describe, expect, test } from 'vitest';
import { LAYOUT } from '#runner/kernel/kernel.gen.ts';
import { loadKernel } from '#runner/kernel/load-kernel.ts';
import type { Program } from '#runner/kernel/program.ts';
import { uuidBytes } from '#runner/processor/column-encoding.ts';
import { compileSchema } from '#runner/processor/process-record.ts';
import { schemaOf } from '../processor/schema.ts';
import { UPLOAD } from './both.ts';

/** The first column is of JSON, so that its first member stands behind the first instruction. */
function loadWithJson() {
  const columns = [
    { name: 'j', json: [{ path: 'v', field: 'v' }] },
    { name: 'k', field: 'k' },
  ];
  const { parts } = compileSchema(schemaOf({ v: {} }, { columns }), ['k', 'v'], { encodings: ['jsonb', 'text'] });
  const kernel = loadKernel({ ...parts, delimiter: 0x2c, uploadId: uuidBytes(UPLOAD) }, () => -1)!;
  const record = Buffer.from('a,b\n');
  const memory = Buffer.from(kernel.memory);
  record.copy(memory, LAYOUT.WINDOW);
  return {
    program: kernel.program,
    /** @returns how many rows were written */
    run(): number {
      kernel.run(LAYOUT.WINDOW, LAYOUT.WINDOW + record.length, 1, 1);
      return kernel.rows.value;
    },
    replaceOperation: (address: number, operation: number) =>
      memory.writeInt32LE(operation, address + LAYOUT.OPERATION),
  };
}

const PLACES: [string, (program: Program) => number][] = [
  ['test of a field', ({ fieldProgram }) => fieldProgram + LAYOUT.FIELD_BYTES],
  ['column', ({ columnProgram }) => columnProgram],
  ['member of a JSON column', ({ columnProgram }) => columnProgram + LAYOUT.INSTRUCTION_BYTES],
];

describe.each(PLACES)('a %s', (_name, addressOf) => {
  test.each([99, -1, 0x7fff_ffff])('with the operation %i', (operation) => {
    const { program, run, replaceOperation } = loadWithJson();
    expect(run()).toBe(1);
    replaceOperation(addressOf(program), operation);
    expect(run).toThrow(WebAssembly.RuntimeError);
  });
});

test.each([
  ['a column inside of a JSON column', LAYOUT.TEXT, LAYOUT.INSTRUCTION_BYTES],
  ['a member outside of a JSON column', LAYOUT.JSON_TEXT, 0],
])('%s', (_name, operation, offset) => {
  const { program, run, replaceOperation } = loadWithJson();
  replaceOperation(program.columnProgram + offset, operation);
  expect(run).toThrow(WebAssembly.RuntimeError);
});
