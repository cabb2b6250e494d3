/** Opens a workbook (.xlsx): finds its first sheet and what reading the cells needs. Source: ECMA-376 part 1, 18. */
import { type NumberStyle, readNumberFormat } from './cell-text.ts';
import { joinPath, splitPath } from './part-path.ts';
import type { Archive, ArchiveMember } from './platform.ts';
import { readAllXml } from './read-xml.ts';
import { formatFault } from './source-format.ts';

export interface Workbook {
  /** The first sheet that is shown. */
  sheet: ArchiveMember;
  date1904: boolean;
  /** Indexed by the number of a cell's style. */
  styles: NumberStyle[];
  sharedStrings: SharedStrings;
}

export interface SharedStrings {
  /** Undefined when the workbook has no string of this number. */
  get(index: number): string | undefined;
}

/**
 * The limit of all shared strings of a workbook together, since cells name them in any order; a quarter of it is the
 * limit of their number.
 */
export const MAX_SHARED_STRING_BYTES = 64 * 1024 * 1024;

/** @throws Fault (permanent, reason FileDamaged, FormatNotSupported) */
export async function openWorkbook(archive: Archive): Promise<Workbook> {
  const main = (await readRelations(archive, '')).find(({ type }) => type === 'officeDocument')?.target;
  if (main?.endsWith('.bin')) {
    throw formatFault('FormatNotSupported', 'The file is a binary workbook (.xlsb): save it as .xlsx or CSV.');
  }
  if (main === undefined) throw incomplete();
  const relations = await readRelations(archive, main);
  const { sheets, date1904 } = await readSheets(archive, main);
  const target = (id: string) => relations.find((each) => each.id === id && each.type === 'worksheet')?.target;
  const path = sheets.map(target).find((each) => each !== undefined);
  if (path === undefined)
    throw formatFault(
      'FormatNotSupported',
      'The workbook has no visible sheet with cells: unhide the sheet with the records, save it, and upload it again.',
    );
  const part = (type: string) => {
    const found = relations.find((each) => each.type === type)?.target;
    return found === undefined ? undefined : findMember(archive, found);
  };
  return {
    sheet: findMember(archive, path),
    date1904,
    styles: await readStyles(archive, part('styles')),
    sharedStrings: await readSharedStrings(archive, part('sharedStrings')),
  };
}

interface Relation {
  id: string;
  /** The last word of the relation's type, which is the same in both flavours of the standard. */
  type: string;
  target: string;
}

async function readRelations(archive: Archive, part: string): Promise<Relation[]> {
  const { folder, name: partName } = splitPath(part);
  const relations: Relation[] = [];
  await readAllXml(archive.read(findMember(archive, joinPath(folder, `_rels/${partName}.rels`))), {
    open(name, { Id = '', Type = '', Target = '' }) {
      if (name !== 'Relationship') return;
      const target = Target.startsWith('/') ? Target.slice(1) : joinPath(folder, Target);
      relations.push({ id: Id, type: Type.slice(Type.lastIndexOf('/') + 1), target });
    },
  });
  return relations;
}

function findMember({ members }: Archive, path: string): ArchiveMember {
  const member = members.find(({ name }) => name === path);
  if (!member) throw incomplete();
  return member;
}

function incomplete() {
  return formatFault(
    'FileDamaged',
    'The workbook lacks a part: open it, save it again as .xlsx or CSV, and upload that.',
  );
}

async function readSheets(archive: Archive, part: string): Promise<{ sheets: string[]; date1904: boolean }> {
  const sheets: string[] = [];
  let date1904 = false;
  await readAllXml(archive.read(findMember(archive, part)), {
    open(name, attributes) {
      if (name === 'workbookPr') date1904 = isTrue(attributes['date1904']);
      if (name !== 'sheet' || (attributes['state'] ?? 'visible') !== 'visible') return;
      const id = Object.entries(attributes).find(([key]) => key.endsWith(':id'));
      if (id) sheets.push(id[1]);
    },
  });
  return { sheets, date1904 };
}

const isTrue = (text: string | undefined) => text === '1' || text === 'true';

async function readStyles(archive: Archive, part: ArchiveMember | undefined): Promise<NumberStyle[]> {
  const codes = new Map<number, string>();
  const formats: number[] = [];
  let inCellFormats = false;
  if (part) {
    await readAllXml(archive.read(part), {
      open(name, attributes) {
        if (name === 'numFmt') codes.set(Number(attributes['numFmtId']), attributes['formatCode'] ?? '');
        if (name === 'cellXfs') inCellFormats = true;
        if (name === 'xf' && inCellFormats) formats.push(Number(attributes['numFmtId'] ?? 0));
      },
      close(name) {
        if (name === 'cellXfs') inCellFormats = false;
      },
    });
  }
  return formats.map((id) => readNumberFormat(id, codes.get(id)));
}

/**
 * Keeps the strings in one buffer outside of V8's heap: as JavaScript strings they would take several times their size.
 */
async function readSharedStrings(archive: Archive, part: ArchiveMember | undefined): Promise<SharedStrings> {
  if (!part) return { get: () => undefined };
  // A text is never longer than its XML, and an entry takes at least five bytes (<si/>). Linux gives no memory for the
  // unused part of both arrays, since nothing touches it.
  const limit = Math.min(part.sizeBytes, MAX_SHARED_STRING_BYTES);
  const bytes = Buffer.allocUnsafeSlow(limit);
  const ends = new Uint32Array(Math.ceil(limit / 4));
  let count = 0;
  let end = 0;
  const reader = createTextReader();
  await readAllXml(archive.read(part), {
    open: reader.open,
    text(text) {
      if (!reader.reading) return;
      const length = Buffer.byteLength(text);
      if (end + length > bytes.length) throw tooManyStrings();
      end += bytes.write(text, end);
    },
    close(name) {
      reader.close(name);
      if (name !== 'si') return;
      if (count === ends.length) throw tooManyStrings();
      ends[count] = end;
      count += 1;
    },
  });
  return {
    get: (index) =>
      index < count ? decodeEscapes(bytes.toString('utf8', index === 0 ? 0 : ends[index - 1], ends[index])) : undefined,
  };
}

function tooManyStrings() {
  return formatFault(
    'FormatNotSupported',
    `The workbook has more different texts than ${MAX_SHARED_STRING_BYTES / 2 ** 20} MiB or ${MAX_SHARED_STRING_BYTES / 4} in number: save the sheet as CSV (UTF-8), and upload that.`,
  );
}

/** Tells which text is the cell's: all runs of a formatted text, without the reading aids of Asian scripts. */
export function createTextReader(): { readonly reading: boolean; open(name: string): void; close(name: string): void } {
  let inText = false;
  let inAid = false;
  return {
    get reading() {
      return inText && !inAid;
    },
    open(name) {
      if (name === 't') inText = true;
      if (name === 'rPh') inAid = true;
    },
    close(name) {
      if (name === 't') inText = false;
      if (name === 'rPh') inAid = false;
    },
  };
}

/**
 * A workbook writes a character that XML cannot hold as _x000D_, and an underscore that looks like such an escape as
 * _x005F_.
 */
export function decodeEscapes(text: string): string {
  return text.includes('_x')
    ? text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
}
