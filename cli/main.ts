/** The command line `batch-upload`: `node cli/main.ts` from a clone, and the same bundled in the package. */
import { listenToSignals } from './io/interrupts.ts';
import { runProgram } from './program.ts';

// A reader such as `head` that ends early is no mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const { stdin, stdout, stderr } = process;
// The bundle is CommonJS, which has no await at the top.
void runProgram(process.argv.slice(2), { stdin, stdout, stderr }, listenToSignals()).then((exitCode) => {
  process.exitCode = exitCode;
});
