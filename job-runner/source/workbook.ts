/** Opens a workbook (.xlsx): finds its first sheet and what reading the cells needs. Source: ECMA-376 part 1, 18. */
import { RELATION_ID_NAMESPACES, SHEET_NAMESPACES } from './namespaces.ts';
import { type NumberStyle, readNumberFormat } from './number-format.ts';
import { findPart, missingPart, readRelations } from './package-parts.ts';
import type { Archive, ArchiveMember } from './platform.ts';
import { elements, readAllXml, type XmlAttributes } from './read-xml.ts';
import { readSharedStrings, type SharedStrings } from './shared-strings.ts';
import { formatFault } from './source-format.ts';

export interface Workbook {
  /** The first sheet that is shown. */
  sheet: ArchiveMember;
  /** The names of the sheets that are shown, the first of which is loaded. */
  sheetNames: readonly string[];
  date1904: boolean;
  /** Indexed by the number of a cell's style. */
  styles: NumberStyle[];
  sharedStrings: SharedStrings;
}

/**
 * @param main the path of the main part
 * @throws Fault (permanent, reason FileDamaged, FormatNotSupported)
 */
export async function openWorkbook(archive: Archive, main: string): Promise<Workbook> {
  const { sheets, date1904 } = await readSheets(archive, main);
  const relations = await readRelations(archive, main);
  const target = (id: string) => relations.find((each) => each.id === id && each.type === 'worksheet')?.target;
  const shown = sheets.flatMap(({ name, id }) => {
    const path = target(id);
    return path === undefined ? [] : [{ name, path }];
  });
  const [first] = shown;
  if (first === undefined)
    throw formatFault(
      'FormatNotSupported',
      'The workbook has no visible sheet with cells: unhide the sheet with the records, save it, and upload it again.',
    );
  const targetOf = (type: string) => relations.find((each) => each.type === type)?.target;
  const styles = targetOf('styles');
  const strings = targetOf('sharedStrings');
  return {
    sheet: requirePart(archive, first.path),
    sheetNames: shown.map(({ name }) => name),
    date1904,
    styles: styles === undefined ? [] : await readStyles(archive, requirePart(archive, styles)),
    // The table may be absent although the workbook names it: a cell that needs a string then finds none.
    sharedStrings: await readSharedStrings(archive, strings === undefined ? undefined : findPart(archive, strings)),
  };
}

function requirePart(archive: Archive, path: string): ArchiveMember {
  const member = findPart(archive, path);
  if (!member) throw missingPart();
  return member;
}

interface Sheet {
  name: string;
  id: string;
}

/** Reads the list of the sheets that are shown. */
async function readSheets(archive: Archive, main: string): Promise<{ sheets: Sheet[]; date1904: boolean }> {
  const sheets: Sheet[] = [];
  let date1904 = false;
  const workbookPr = {
    open(attributes: XmlAttributes) {
      date1904 = isTrue(attributes['date1904']?.value);
    },
  };
  const sheet = {
    open(attributes: XmlAttributes) {
      if ((attributes['state']?.value ?? 'visible') !== 'visible') return;
      const id = Object.values(attributes).find(
        ({ local, uri }) => local === 'id' && RELATION_ID_NAMESPACES.includes(uri),
      );
      if (id) sheets.push({ name: attributes['name']?.value ?? '', id: id.value });
    },
  };
  await readAllXml(archive.read(requirePart(archive, main)), {
    namespaces: SHEET_NAMESPACES,
    root: 'workbook',
    element: { children: elements({ workbookPr, sheets: { children: elements({ sheet }) } }) },
    otherRoot: notWorkbook,
  });
  return { sheets, date1904 };
}

export function isTrue(text: string | undefined): boolean {
  return text === '1' || text === 'true';
}

export function notWorkbook() {
  return formatFault('FormatNotSupported', 'The object is an office document, but no .xlsx: save it as .xlsx or CSV.');
}

/** The formats of cells alone count; a workbook also has formats of its named styles and of conditions (dxfs). */
async function readStyles(archive: Archive, part: ArchiveMember): Promise<NumberStyle[]> {
  const codes = new Map<number, string>();
  const formats: number[] = [];
  const numFmt = {
    open(attributes: XmlAttributes) {
      codes.set(Number(attributes['numFmtId']?.value), attributes['formatCode']?.value ?? '');
    },
  };
  const xf = {
    open(attributes: XmlAttributes) {
      formats.push(Number(attributes['numFmtId']?.value ?? 0));
    },
  };
  await readAllXml(archive.read(part), {
    namespaces: SHEET_NAMESPACES,
    root: 'styleSheet',
    element: {
      children: elements({
        numFmts: { children: elements({ numFmt }) },
        cellXfs: { children: elements({ xf }) },
      }),
    },
  });
  // Many styles share a format.
  const styles = new Map(formats.map((id) => [id, readNumberFormat(id, codes.get(id))]));
  return formats.map((id) => styles.get(id)!);
}
