/** Runs `batch-upload load` in processes of its own, as a person would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
/** A process that takes longer is ended, so that a test fails instead of hanging. */
const LIMIT_MS = 50_000;
/** Node keeps what it compiles, since each process reads some hundred TypeScript files. */
const NODE_COMPILE_CACHE = fileURLToPath(
  new URL('../../../node_modules/.cache/batch-upload/compile-cache', import.meta.url),
);

export interface LoadEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningLoad {
  process: ChildProcess;
  done: Promise<LoadEnd>;
}

export interface LoadCall {
  cwd: string;
  input?: Buffer | string;
  env?: NodeJS.ProcessEnv;
}

export function startLoad(args: readonly string[], { cwd, input = '', env = {} }: LoadCall): RunningLoad {
  const { FORCE_COLOR: _force, NO_COLOR: _no, DATABASE_URL: _url, ...rest } = process.env;
  const child = spawn(process.execPath, [MAIN, 'load', ...args], {
    cwd,
    env: { ...rest, NODE_COMPILE_CACHE, ...env },
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => {
    stdout += piece;
  });
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const done = new Promise<LoadEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { process: child, done };
}
