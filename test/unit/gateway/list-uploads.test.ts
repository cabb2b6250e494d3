import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { type ListQuery, listUploads } from '#operator/gateway/uploads/list-uploads.ts';

afterEach(() => vi.restoreAllMocks());

const COUNT = 50_000;
const START = Date.parse('2026-01-01T00:00:00Z');

/** Three uploads a second, in the order in which `place` puts them. */
function makeUploads(place: (i: number) => number = (i) => i): BatchUpload[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const number = place(i);
    const creationTimestamp = new Date(START + Math.floor(number / 3) * 1000).toISOString();
    return {
      metadata: { name: `u-${number}`, namespace: 'n', creationTimestamp },
      spec: {
        schemaRef: { name: number % 7 === 0 ? 'staff' : 'people' },
        source: { type: number % 5 === 0 ? 'API' : 'Manual', s3: { bucket: 'b', key: 'k' } },
      },
      ...(number % 3 === 0 ? { status: { phase: 'Failed' } } : {}),
    } as unknown as BatchUpload;
  });
}

/** A permutation of the numbers below COUNT. */
const shuffled = (i: number) => (i * 7919) % COUNT;

/** The names of all pages. */
function walk(uploads: BatchUpload[], query: ListQuery): string[] {
  const names: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = listUploads(uploads, { ...query, limit: '500', ...(cursor === undefined ? {} : { cursor }) });
    names.push(...page.items.map(({ metadata }) => metadata.name));
    if (page.nextCursor === null) return names;
    expect(page.items).toHaveLength(500);
    cursor = page.nextCursor;
  }
}

/** The same order, found in the plainest way. */
function sorted(uploads: BatchUpload[], matches: (number: number) => boolean): string[] {
  return uploads
    .map(({ metadata: { name } }) => ({ name, number: Number(name.slice(2)) }))
    .filter(({ number }) => matches(number))
    .sort((a, b) => Math.floor(b.number / 3) - Math.floor(a.number / 3) || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

describe('50,000 uploads', () => {
  it.each([
    ['as they were made', (i: number) => i],
    ['the newest first', (i: number) => COUNT - 1 - i],
    ['in any order', shuffled],
  ])('that are known %s: each time is read once, and a page keeps few uploads', (_order, place) => {
    const uploads = makeUploads(place);
    const parse = vi.spyOn(Date, 'parse');
    const sort = vi.spyOn(Array.prototype, 'sort');
    const { items } = listUploads(uploads, { limit: '100' });
    expect(parse.mock.calls.length).toBe(COUNT);
    // What is sorted are the best of a page and as many more, and never all uploads.
    const lengths = sort.mock.contexts.map((list) => (list as unknown[]).length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(2 * 101 + 1);
    expect(lengths.length).toBeLessThanOrEqual(COUNT / 101 + 1);
    expect(items.slice(0, 3).map(({ metadata }) => metadata.name)).toEqual(['u-49998', 'u-49999', 'u-49995']);
    parse.mockClear();
    listUploads(uploads, { limit: '500', cursor: `${START}.u-0` });
    expect(parse).not.toHaveBeenCalled();
  });

  it.each<[string, ListQuery, (number: number) => boolean]>([
    ['all', {}, () => true],
    ['of a phase', { phase: 'Failed' }, (number) => number % 3 === 0],
    ['of a schema and a source', { schema: 'staff', sourceType: 'API' }, (number) => number % 35 === 0],
    [
      'of a time',
      { createdAfter: '2026-01-01T01:00:00Z', createdBefore: '2026-01-01T02:00:00Z' },
      (number) => Math.floor(number / 3) >= 3600 && Math.floor(number / 3) < 7200,
    ],
    ['of nobody', { creator: 'nobody' }, () => false],
  ])('come once each in the pages of %s', (_what, query, matches) => {
    const uploads = makeUploads(shuffled);
    expect(walk(uploads, query)).toEqual(sorted(uploads, matches));
  });
});
