/** Makes an instance of the WebAssembly module, with the programs for a schema in its memory. */
import { mayBeBlank } from '#runner/processor/byte-tests.ts';
import { JSON_ESCAPES } from '#runner/processor/escapes.ts';
import type { ProgramSource } from './column-program.ts';
import { BINARY, LAYOUT } from './kernel.gen.ts';
import { type Program, writeProgram } from './program.ts';

export interface KernelSource extends ProgramSource {
  /** The byte between two fields. */
  delimiter: number;
  /** How many fields an ordinary record has. */
  columns: number;
}

/** The exports of assembly/kernel.ts. */
interface KernelExports {
  memory: WebAssembly.Memory;
  describeFile(delimiter: number, columns: number): void;
  describeFields(fields: number, program: number): void;
  describeColumns(program: number, columns: number): void;
  describeRoom(rowBytes: number, rowFactor: number): void;
  run(from: number, to: number, isText: number, firstRowNumber: number): number;
  rows: WebAssembly.Global;
}

export interface LoadedKernel {
  /** @returns how the run ended: LAYOUT.NOT_ORDINARY, INCOMPLETE or FULL */
  run: KernelExports['run'];
  /** How many rows the last run wrote; during a run, how many rows are complete. */
  rows: WebAssembly.Global;
  memory: ArrayBuffer;
  program: Program;
}

/** The contract is that of callExternal in assembly/external.ts. */
export type CallExternal = (id: number, out: number, isFirst: number) => number;

/** @returns null for a schema that is too large for the kernel's memory */
export function loadKernel(source: KernelSource, callExternal: CallExternal): LoadedKernel | null {
  const { delimiter, columns, checks, writers } = source;
  if (columns > LAYOUT.MOST_COLUMNS || checks.length > LAYOUT.MOST_COLUMNS) return null;
  const module = new WebAssembly.Module(Buffer.from(BINARY, 'base64'));
  const instance = new WebAssembly.Instance(module, { external: { callExternal } });
  const kernel = instance.exports as unknown as KernelExports;
  const memory = kernel.memory.buffer;
  const program = writeProgram(memory, source);
  if (program === null) return null;
  kernel.describeFile(delimiter, columns);
  kernel.describeFields(checks.length, program.fieldProgram);
  kernel.describeColumns(program.columnProgram, writers.length);
  kernel.describeRoom(program.rowBytes, program.rowFactor);
  fillTables(Buffer.from(memory));
  return { run: kernel.run, rows: kernel.rows, memory, program };
}

function fillTables(memory: Buffer): void {
  for (let byte = 0; byte < 256; byte += 1) {
    memory[LAYOUT.MAY_BE_BLANK + byte] = mayBeBlank(byte) ? 1 : 0;
    const escaped = JSON_ESCAPES.binary.of[byte] ?? Buffer.alloc(0);
    memory.set([escaped.length, ...escaped], LAYOUT.JSON_ESCAPES + 8 * byte);
  }
}
