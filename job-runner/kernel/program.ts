/**
 * Compiles a schema to the two programs that assembly/kernel.ts runs, and to the tables and texts that they point to.
 * assembly/layout.ts defines the shape of an instruction; README.md tells how to add an operation.
 */
import { columnWords, type External, type ProgramSource } from './column-program.ts';
import { fieldWords } from './field-program.ts';
import { createProgramMemory } from './program-memory.ts';

export interface Program {
  /** The address of the program for fields in the memory. */
  fieldProgram: number;
  /** The address of the program for columns in the memory. */
  columnProgram: number;
  /** A row has at most `rowBytes` + `rowFactor` × the bytes of its record. */
  rowBytes: number;
  rowFactor: number;
  /** The callbacks by their number. */
  externals: External[];
}

/** Writes the programs into the kernel's memory. @returns null when the programs have no room there */
export function writeProgram(memory: ArrayBuffer, source: ProgramSource): Program | null {
  const data = createProgramMemory(memory);
  const fields = fieldWords(source, data);
  const columns = columnWords(source, data);
  if (columns === null) return null;
  const fieldProgram = data.words(fields);
  const columnProgram = data.words(columns.words);
  if (data.isFull()) return null;
  const { rowBytes, rowFactor, externals } = columns;
  return { fieldProgram, columnProgram, rowBytes, rowFactor, externals };
}
