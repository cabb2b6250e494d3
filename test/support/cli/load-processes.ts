/** Runs `batch-upload` in processes of its own, as a person would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { BUNDLED_CLI } from './bundled-cli.ts';

/** A process that takes longer is ended, so that a test fails instead of hanging. */
const LIMIT_MS = 150_000;

export interface CommandEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  process: ChildProcess;
  done: Promise<CommandEnd>;
  /** Waits until the standard error has the text, or the process has ended. */
  said(text: string): Promise<void>;
}

export interface CommandCall {
  cwd: string;
  input?: Buffer | string;
  env?: NodeJS.ProcessEnv;
  limitMs?: number;
}

export function startCommand(
  args: readonly string[],
  { cwd, input = '', env = {}, limitMs = LIMIT_MS }: CommandCall,
): RunningCommand {
  const { FORCE_COLOR: _force, NO_COLOR: _no, DATABASE_URL: _url, ...rest } = process.env;
  const child = spawn(process.execPath, [BUNDLED_CLI, ...args], {
    cwd,
    env: { ...rest, ...env },
    timeout: limitMs,
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
  const done = new Promise<CommandEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const said = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (stderr.includes(text)) resolve();
      };
      child.stderr.on('data', look);
      look();
      void done.then(() => resolve());
    });
  return { process: child, done, said };
}
