/** A command that runs beside another one, and whose output does not get between the lines of the other one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface HeldCommand {
  /** Both streams of the command until now, in the order in which the command wrote. */
  outputSoFar(): string;
  /** Prints what the command has written, and from now on everything at once. @returns the exit code, in the end */
  show(): Promise<number>;
}

/**
 * Both streams of the command are one pipe of a shell, because two pipes would lose the order of their lines.
 * Ctrl-C reaches the command by itself, since it is in the terminal's foreground group as this process is.
 */
export function startHeld(command: string, out: NodeJS.WritableStream = process.stdout): HeldCommand {
  const child = spawn('bash', ['-c', `${command} 2>&1`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let output = '';
  let isShown = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (isShown) out.write(text);
  });
  return {
    outputSoFar: () => output,
    async show() {
      isShown = true;
      out.write(output);
      const [code] = (await closed) as [number | null];
      return code ?? 1;
    },
  };
}
