/** The table of a workbook's shared strings. */
import { stringElements } from './cell-string.ts';
import { SHEET_NAMESPACES } from './namespaces.ts';
import type { Archive, ArchiveMember } from './platform.ts';
import { elements, readAllXml } from './read-xml.ts';
import { formatFault } from './source-format.ts';

export interface SharedStrings {
  /** Undefined when the workbook has no string of this number. */
  get(index: number): string | undefined;
}

/**
 * The limit of all shared strings of a workbook together, since cells name them in any order; a quarter of it is the
 * limit of their number.
 */
export const MAX_SHARED_STRING_BYTES = 64 * 1024 * 1024;

/**
 * Keeps the strings in one buffer outside of V8's heap: as JavaScript strings they would take several times their size.
 * @param part undefined for a workbook without the table
 */
export async function readSharedStrings(archive: Archive, part: ArchiveMember | undefined): Promise<SharedStrings> {
  if (!part) return { get: () => undefined };
  // A text is never longer than its XML, and an entry takes at least five bytes (<si/>). Linux gives no memory for the
  // unused part of both arrays, since nothing touches it.
  const limit = Math.min(part.sizeBytes, MAX_SHARED_STRING_BYTES);
  const bytes = Buffer.allocUnsafeSlow(limit);
  const ends = new Uint32Array(Math.ceil(limit / 4));
  /** The strings that UTF-8 cannot hold: half a character, written as an escape. */
  const illFormed = new Map<number, string>();
  let count = 0;
  let end = 0;
  let whole = '';
  const add = (text: string) => {
    whole += text;
    if (whole.length > limit) throw tooManyStrings();
  };
  const si = {
    open() {
      whole = '';
    },
    close() {
      if (end + Buffer.byteLength(whole) > limit || count === ends.length) throw tooManyStrings();
      if (!whole.isWellFormed()) illFormed.set(count, whole);
      end += bytes.write(whole, end);
      ends[count] = end;
      count += 1;
    },
    children: stringElements(add, { characters: limit, fault: tooManyStrings }),
  };
  await readAllXml(archive.read(part), {
    namespaces: SHEET_NAMESPACES,
    root: 'sst',
    element: { children: elements({ si }) },
  });
  return {
    get: (index) =>
      index < count
        ? (illFormed.get(index) ?? bytes.toString('utf8', index === 0 ? 0 : ends[index - 1], ends[index]))
        : undefined,
  };
}

function tooManyStrings() {
  return formatFault(
    'FormatNotSupported',
    `The workbook has more different texts than ${MAX_SHARED_STRING_BYTES / 2 ** 20} MiB or ${MAX_SHARED_STRING_BYTES / 4} in number: save the sheet as CSV (UTF-8), and upload that.`,
  );
}
