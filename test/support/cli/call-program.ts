/** Runs the command line in this process, which is quicker than a process of its own. */
import { Writable } from 'node:stream';
import type { Terminal } from '#cli/io/terminal.ts';
import { runProgram } from '#cli/program.ts';

class Collected extends Writable {
  text = '';
  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.text += piece.toString();
    done();
  }
}

export async function callProgram(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const stdout = new Collected();
  const stderr = new Collected();
  const code = await runProgram(args, { stdin: process.stdin, stdout, stderr } as unknown as Terminal);
  return { code, stdout: stdout.text, stderr: stderr.text };
}
