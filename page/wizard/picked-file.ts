/** Looks at a file that was picked or dropped, before anything else is done with it. */
import { type FileMark, markFile } from '#page/send/fingerprint.ts';

/** Why a thing is not a file that can be sent. */
export type PickFault =
  | { kind: 'Empty' | 'Folder' | 'Unreadable' | 'TooLarge'; name: string }
  | { kind: 'Many'; count: number }
  | { kind: 'NoFile' };

export type Picked = { ok: true; file: File; mark: FileMark } | { ok: false; fault: PickFault };

/** The largest object that S3 stores. */
const MAX_BYTES = 5 * 1024 ** 4;

export async function lookAt(file: File): Promise<Picked> {
  const { name } = file;
  if (file.size > MAX_BYTES) return { ok: false, fault: { kind: 'TooLarge', name } };
  try {
    const mark = await markFile(file);
    return file.size === 0 ? { ok: false, fault: { kind: 'Empty', name } } : { ok: true, file, mark };
  } catch {
    return { ok: false, fault: { kind: 'Unreadable', name } };
  }
}

/** What a browser tells of a drop: an item can be a folder, which no `File` says of itself. */
export interface Dropped {
  files: ArrayLike<File>;
  items: ArrayLike<{ kind: string; webkitGetAsEntry?(): { isDirectory: boolean; name: string } | null }>;
}

/** @returns the one file, or why there is none */
export function readDrop({ files, items }: Dropped): File | PickFault {
  const dropped = Array.from(items).filter(({ kind }) => kind === 'file');
  const folder = dropped.map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
  if (files.length > 1) return { kind: 'Many', count: files.length };
  if (folder) return { kind: 'Folder', name: folder.name };
  return files[0] ?? { kind: 'NoFile' };
}
