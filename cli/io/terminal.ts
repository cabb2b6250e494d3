/** The process's streams, as the commands see them. */
import { styleText } from 'node:util';
import type { Paint } from './paint.ts';

export interface Terminal {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

/** Node's `styleText` knows NO_COLOR, NODE_DISABLE_COLORS, FORCE_COLOR, and whether the stream is a terminal. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (style, text) => (text === '' ? text : styleText(style, text, { stream }));
}

/** Waits where the reader at the other end is slower. */
export async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (stream.write(text)) return;
  await new Promise<void>((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}
