/** The parts of an office document: relations between them, and their content types. Source: ECMA-376 part 2, 6. */
import { joinPath, splitPath } from './part-path.ts';
import type { Archive, ArchiveMember } from './platform.ts';
import { elements, readAllXml } from './read-xml.ts';
import { formatFault } from './source-format.ts';

export interface Relation {
  id: string;
  /** The last word of the relation's type, which is the same in both flavours of the standard. */
  type: string;
  /** The part's path. */
  target: string;
}

const RELATIONSHIPS = ['http://schemas.openxmlformats.org/package/2006/relationships'];
const CONTENT_TYPES = ['http://schemas.openxmlformats.org/package/2006/content-types'];

/** Names of parts are the same in upper and lower case, and with characters written as %20 or as they are. */
export function findPart({ members }: Archive, path: string): ArchiveMember | undefined {
  const wanted = normalizePath(path);
  return members.find(({ name }) => name === path) ?? members.find(({ name }) => normalizePath(name) === wanted);
}

function normalizePath(path: string): string {
  return path
    .replace(/^\//, '')
    .replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
    .toLowerCase();
}

/** @param part the path of the part that the relations start from; '' for the document itself */
export async function readRelations(archive: Archive, part: string): Promise<Relation[]> {
  const { folder, name } = splitPath(part);
  const member = findPart(archive, joinPath(folder, `_rels/${name}.rels`));
  const relations: Relation[] = [];
  if (!member) return relations;
  const relationship = {
    open({ Id, Type, Target, TargetMode }: Record<string, { value: string }>) {
      if (TargetMode?.value === 'External') return;
      const target = Target?.value ?? '';
      const type = Type?.value ?? '';
      relations.push({
        id: Id?.value ?? '',
        type: type.slice(type.lastIndexOf('/') + 1),
        target: target.startsWith('/') ? target.slice(1) : joinPath(folder, target),
      });
    },
  };
  await readAllXml(archive.read(member), {
    namespaces: RELATIONSHIPS,
    root: 'Relationships',
    element: { children: elements({ Relationship: relationship }) },
  });
  return relations;
}

/**
 * Finds the main part of a workbook; undefined for any other document.
 * @throws Fault (permanent, reason FileDamaged, FormatNotSupported)
 */
export async function findWorkbookPart(archive: Archive): Promise<string | undefined> {
  const main = (await readRelations(archive, '')).find(({ type }) => type === 'officeDocument')?.target;
  if (main === undefined) return undefined;
  const contentType = await readContentType(archive, main);
  if (main.endsWith('.bin') || /sheet\.binary/i.test(contentType)) {
    throw formatFault('FormatNotSupported', 'The file is a binary workbook (.xlsb): save it as .xlsx or CSV.');
  }
  // A part without a content type is what its root element says.
  return contentType === '' || /spreadsheetml|ms-excel/i.test(contentType) ? main : undefined;
}

/** @returns '' for a part without a content type of its own; the type of an ending such as xml says nothing */
async function readContentType(archive: Archive, path: string): Promise<string> {
  const member = findPart(archive, '[Content_Types].xml');
  const wanted = normalizePath(path);
  let found = '';
  if (!member || member.sizeBytes === 0) return found;
  const override = {
    open({ PartName, ContentType }: Record<string, { value: string }>) {
      if (normalizePath(PartName?.value ?? '') === wanted) found = ContentType?.value ?? '';
    },
  };
  await readAllXml(archive.read(member), {
    namespaces: CONTENT_TYPES,
    root: 'Types',
    element: { children: elements({ Override: override }) },
  });
  return found;
}

export function missingPart() {
  return formatFault(
    'FileDamaged',
    'The workbook lacks a part: open it, save it again as .xlsx or CSV, and upload that.',
  );
}
