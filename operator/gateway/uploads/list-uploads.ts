/** Pages of the uploads of a namespace, the newest first. Pure. */
import { type Static, Type } from 'typebox';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { creatorOf, fileNameOf } from './represent-upload.ts';
import { NAME_PATTERN, PHASES, SOURCE_TYPES, UPLOAD } from './upload-schemas.ts';

const DEFAULT_LIMIT = 100;

/** Values of a query are texts. */
export const LIMIT = Type.Optional(
  Type.String({
    pattern: '^([1-9]|[1-9][0-9]|[1-4][0-9][0-9]|500)$',
    description: 'The most items of the answer, 1 to 500. The default is 100.',
  }),
);
const moment = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }));

export const CURSOR_PATTERN = `^[0-9]{1,15}[.]${NAME_PATTERN.slice(1)}`;

export const LIST_QUERY = Type.Object(
  {
    limit: LIMIT,
    cursor: Type.Optional(
      Type.String({
        maxLength: 269,
        // Each cursor of this form is a place in the order, whether or not an upload has the place.
        pattern: CURSOR_PATTERN,
        description: 'The nextCursor of the page before, with the same filters. The first page when absent.',
      }),
    ),
    phase: Type.Optional(Type.Enum([...PHASES], { type: 'string', description: 'Only uploads in this phase.' })),
    schema: Type.Optional(
      Type.String({ maxLength: 253, pattern: NAME_PATTERN, description: 'Only uploads with this RecordSchema.' }),
    ),
    sourceType: Type.Optional(
      Type.Enum([...SOURCE_TYPES], { type: 'string', description: 'Only uploads whose file arrived so.' }),
    ),
    createdAfter: moment('Only uploads that were made at this time or later.'),
    createdBefore: moment('Only uploads that were made before this time.'),
    creator: Type.Optional(Type.String({ maxLength: 512, description: 'Only uploads that this user asked for.' })),
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description:
          'Only uploads with this text, in capital or small letters, in their name, that of their file or that of their RecordSchema.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ListQuery = Static<typeof LIST_QUERY>;

export const UPLOAD_LIST = Type.Object(
  {
    items: Type.Array(UPLOAD, { description: 'The uploads, the newest first.' }),
    nextCursor: Type.Optional(Type.String({ description: 'The cursor of the next page; absent on the last page.' })),
    lastEventId: Type.String({
      description: 'The header Last-Event-ID of a watch that tells what has changed since this page.',
    }),
  },
  { description: 'A page of uploads.' },
);

/** A place in the order of uploads: the newest first, and by name among those of one second. */
interface Place {
  /** Epoch ms. */
  createdAt: number;
  name: string;
}

/**
 * @param uploads those of the namespace that the sender may see.
 * @throws Problem invalid-request for a time that does not exist
 */
export function listUploads(
  uploads: Iterable<BatchUpload>,
  query: ListQuery,
): { items: BatchUpload[]; nextCursor: string | null } {
  const limit = Number(query.limit ?? DEFAULT_LIMIT);
  const after = query.cursor === undefined ? null : readCursor(query.cursor);
  const matches = createFilter(query);
  // One more than the page tells whether there is another page.
  const found = createFirst(limit + 1);
  for (const upload of uploads) {
    const place = placeOf(upload);
    if ((after === null || compare(after, place) < 0) && matches({ upload, place })) found.add({ upload, place });
  }
  const page = found.list();
  const items = page.slice(0, limit);
  const nextCursor = page.length > limit ? writeCursor(items.at(-1)!.place) : null;
  return { items: items.map(({ upload }) => upload), nextCursor };
}

interface Placed {
  upload: BatchUpload;
  place: Place;
}

/** Keeps the first `count` of what is added, and at most twice as many for a time. */
function createFirst(count: number): { add(item: Placed): void; list(): Placed[] } {
  let kept: Placed[] = [];
  const list = () => {
    kept = kept.sort((a, b) => compare(a.place, b.place)).slice(0, count);
    return kept;
  };
  return {
    list,
    add(item) {
      kept.push(item);
      if (kept.length > 2 * count) list();
    },
  };
}

function createFilter({ phase, schema, sourceType, creator, text, ...times }: ListQuery): (item: Placed) => boolean {
  const from = readTime('createdAfter', times.createdAfter) ?? Number.NEGATIVE_INFINITY;
  const to = readTime('createdBefore', times.createdBefore) ?? Number.POSITIVE_INFINITY;
  const sought = text?.toLowerCase();
  return ({ upload, place: { createdAt } }) => {
    const { spec, status } = upload;
    return (
      (phase === undefined || (status?.phase ?? 'Pending') === phase) &&
      (schema === undefined || spec.schemaRef.name === schema) &&
      (sourceType === undefined || (spec.source.type ?? 'Manual') === sourceType) &&
      (creator === undefined || creatorOf(upload) === creator) &&
      (sought === undefined || namesOf(upload).some((name) => name.toLowerCase().includes(sought))) &&
      createdAt >= from &&
      createdAt < to
    );
  };
}

function namesOf({ metadata, spec }: BatchUpload): string[] {
  return [metadata.name, fileNameOf(spec), spec.schemaRef.name];
}

/** A schema may let a time pass that does not exist, such as a leap second. @throws Problem */
function readTime(parameter: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  const detail = `${parameter} is no time: write it as 2026-01-31T12:00:00Z.`;
  throw new Problem('invalid-request', { detail, errors: [{ parameter, detail }] });
}

/** A state of an upload never changes. */
const places = new WeakMap<BatchUpload, Place>();

function placeOf(upload: BatchUpload): Place {
  const known = places.get(upload);
  if (known !== undefined) return known;
  const { creationTimestamp = '', name } = upload.metadata;
  const place = { createdAt: Date.parse(creationTimestamp) || 0, name };
  places.set(upload, place);
  return place;
}

/** Negative when `a` comes before `b`. */
function compare(a: Place, b: Place): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

const writeCursor = ({ createdAt, name }: Place) => `${createdAt}.${name}`;

/** A cursor says only where to go on: a forged one shows nothing that its sender could not ask for. */
function readCursor(text: string): Place {
  const dot = text.indexOf('.');
  return { createdAt: Number(text.slice(0, dot)), name: text.slice(dot + 1) };
}
