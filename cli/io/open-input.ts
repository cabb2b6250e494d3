/** Opens what a command is asked to read: a file, or the standard input or a pipe, which is written to a file first. */
import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { InputError } from '#cli/input-error.ts';
import type { InputFile } from '#cli/input-file.ts';
import { type LocalFile, openLocalFile } from '#runner/node/local-file.ts';
import { INPUT_PREFIX, PROCESS_NAME, removeOrphanedInputs } from './orphans.ts';
import type { Terminal } from './terminal.ts';

export interface OpenedInput extends InputFile, AsyncDisposable {
  /** The name for messages. */
  name: string;
  /** The file on the disk; that of the standard input is removed with this object. */
  path: string;
  /** The share of the file's bytes that the current stream has given, from 0 to 1. */
  share(): number;
}

/** @throws Fault (permanent), InputError */
export async function openInput(path: string, terminal: Terminal): Promise<OpenedInput> {
  if (path === '-') {
    const { stdin } = terminal;
    if (!stdin.isTTY) return spool('standard input', stdin, terminal);
    throw new InputError(
      'The standard input is this terminal. Give a file to it, as in: cat FILE | batch-upload …, or name the file.',
    );
  }
  return (await isPipe(path))
    ? spool(path, createReadStream(path), terminal)
    : withShare(path, path, await openLocalFile(path));
}

/** Tells whether the path is a pipe: a shell hands one over in `batch-upload validate <(unzip -p people.zip)`. */
export async function isPipe(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isFIFO(),
    () => false,
  );
}

function withShare(name: string, path: string, file: LocalFile): OpenedInput {
  let position = 0;
  const counted = async function* (pieces: AsyncIterable<Buffer>, from: number) {
    position = from;
    for await (const piece of pieces) {
      position += piece.length;
      yield piece;
    }
  };
  return {
    name,
    path,
    key: file.key,
    sizeBytes: file.sizeBytes,
    // A workbook and an archive are read by ranges alone, mostly in order.
    readBytes: (start, end) => counted(file.readBytes(start, end), start),
    stream: () => counted(file.stream(), 0),
    share: () => (file.sizeBytes === 0 ? 1 : Math.min(1, position / file.sizeBytes)),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** Archives need their end first, and the commands read a file more than once: a pipe allows neither. */
async function spool(name: string, input: NodeJS.ReadableStream, { stderr }: Terminal): Promise<OpenedInput> {
  await removeOrphanedInputs(tmpdir());
  const folder = await mkdtemp(join(tmpdir(), `${INPUT_PREFIX}${PROCESS_NAME}-`)).catch((error) => {
    throw new InputError(`No folder could be made in ${tmpdir()} (${error.code}). Set TMPDIR to another folder.`);
  });
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  try {
    const path = join(folder, 'input');
    await pipeline(input, createWriteStream(path)).catch((error) => {
      throw new InputError(
        `The ${name} could not be kept in ${folder} (${error.code}). Free some space there, or set TMPDIR to a folder on another disk.`,
      );
    });
    if (stderr.isTTY) stderr.write(`The ${name} is kept in ${folder} until the command ends.\n`);
    const opened = withShare(name, path, await openLocalFile(path));
    return {
      ...opened,
      async [Symbol.asyncDispose]() {
        await opened[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true });
        process.removeListener('exit', removeNow);
      },
    };
  } catch (error) {
    removeNow();
    throw error;
  }
}
