import type { Static } from 'typebox';
import { describe, expect, it } from 'vitest';
import { REASONS } from '#api/conditions.ts';
import type { SCHEMA } from '#operator/gateway/schemas/represent-schema.ts';
import type { UPLOAD_LIST } from '#operator/gateway/uploads/list-uploads.ts';
import { PHASES as PHASES_OF_GATEWAY, type UploadView } from '#operator/gateway/uploads/upload-schemas.ts';
import { PHASES } from '#page/api/phases.ts';
import type { Schema, SchemaField, Upload, UploadPage } from '#page/api/types.ts';
import type { WatchEvent } from '#page/api/watch.ts';
import { parseRoute, type Route, routes, signInPath } from '#page/app/routes.ts';
import { type Language, text } from '#page/texts/text.ts';
import { describeField } from '#page/views/describe-field.ts';
import { explainCode } from '#page/views/explain-code.ts';
import { explainUpload } from '#page/views/explain-upload.ts';
import { groupFaults } from '#page/views/fault-groups.ts';
import {
  type Asked,
  addPage,
  applyEvents,
  matches,
  NO_FILTERS,
  readFilters,
  toList,
  toQuery,
  writeFilters,
} from '#page/views/upload-list.ts';
import { progressOf, secondsLeft, stateOf } from '#page/views/upload-state.ts';

// What the gateway answers has the page's types: else these lines do not compile.
export const asUpload = (upload: UploadView): Upload => upload;
export const asPage = (page: Omit<Static<typeof UPLOAD_LIST>, 'items'>): Omit<UploadPage, 'items'> => page;
export const asSchema = (schema: Static<typeof SCHEMA>): Schema => schema;

function upload(name: string, facts: Partial<Upload> = {}): Upload {
  return {
    name,
    namespace: 'n',
    uid: `uid-${name}`,
    schema: 'people',
    file: { name: `${name}.csv`, bucket: 'b', key: `in/${name}.csv` },
    sourceType: 'UI',
    mode: 'Commit',
    phase: 'Pending',
    conditions: [],
    retryGeneration: 0,
    createdAt: '2026-01-01T00:00:00Z',
    ...facts,
  };
}
const condition = (type: string, status: string, reason: string, message = `${reason}.`) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const failed = (reason: string, facts: Partial<Upload> = {}) =>
  upload('f', { phase: 'Failed', conditions: [condition('Failed', 'True', reason)], ...facts });
const complete = (records: Upload['records'], facts: Partial<Upload> = {}) =>
  upload('c', {
    phase: 'Complete',
    records: records!,
    conditions: [condition('Complete', 'True', 'Completed')],
    ...facts,
  });

describe('the address', () => {
  it.each<[path: string, route: Route]>([
    ['/page/', { view: 'home' }],
    ['/page', { view: 'home' }],
    ['/page/signed-in', { view: 'signed-in' }],
    ['/page/n/team-a', { view: 'uploads', namespace: 'team-a' }],
    ['/page/n/team-a/', { view: 'uploads', namespace: 'team-a' }],
    ['/page/n/team-a/new', { view: 'new', namespace: 'team-a' }],
    ['/page/n/team-a/uploads/api-1.2', { view: 'upload', namespace: 'team-a', name: 'api-1.2' }],
    ['/page/n/team-a/templates', { view: 'templates', namespace: 'team-a' }],
    ['/page/n/team-a/templates/people', { view: 'template', namespace: 'team-a', name: 'people' }],
    ...['forms', 'login', 'signed-in', 'assets', 'new', 'uploads', 'n'].map((name): [string, Route] => [
      `/page/n/${name}`,
      { view: 'uploads', namespace: name },
    ]),
    ['/page/n/new/new', { view: 'new', namespace: 'new' }],
    ['/page/n', { view: 'home' }],
    ['/page/team-a', { view: 'unknown' }],
    ['/page/signed-in/new', { view: 'unknown' }],
    ['/page/n/team-a/other', { view: 'unknown' }],
    ['/page/n/team-a/uploads/a/b', { view: 'unknown' }],
    ['/elsewhere/team-a', { view: 'unknown' }],
    ['/page/%E0%A4%A', { view: 'unknown' }],
  ])('%s', (path, route) => {
    expect(parseRoute(path)).toEqual(route);
  });

  it('of each view leads back to it', () => {
    expect(parseRoute(routes.upload('a', 'b.c'))).toEqual({ view: 'upload', namespace: 'a', name: 'b.c' });
    expect(parseRoute(routes.template('a', 'x/../y'))).toEqual({ view: 'template', namespace: 'a', name: 'x/../y' });
    expect(routes.new('a', 'p&q')).toBe('/page/n/a/new?schema=p%26q');
    expect(signInPath('/page/a?mine=1&text=x')).toBe('/page/login?to=%2Fpage%2Fa%3Fmine%3D1%26text%3Dx');
  });
});

describe('the list', () => {
  const AT = Date.parse('2026-01-31T00:00:00Z');
  const asked = (filters: Partial<Asked['filters']> = {}): Asked => ({
    filters: { ...NO_FILTERS, ...filters },
    user: 'alice',
    at: AT,
  });
  const at = (name: string, second: number, facts: Partial<Upload> = {}) =>
    upload(name, { createdAt: new Date(Date.parse('2026-01-01T00:00:00Z') + second * 1000).toISOString(), ...facts });
  const page = (items: Upload[], nextCursor?: string): UploadPage => ({
    items,
    lastEventId: '1',
    ...(nextCursor === undefined ? {} : { nextCursor }),
  });
  const names = ({ uploads }: { uploads: Upload[] }) => uploads.map(({ name }) => name);
  const told = (each: Upload): WatchEvent => ({ type: 'upload', upload: each });

  it('has the phases of the gateway', () => {
    expect(PHASES).toEqual(PHASES_OF_GATEWAY);
  });

  it('asks the gateway for what is chosen', () => {
    expect(toQuery(asked())).toBe('limit=50');
    const all = asked({ phase: 'Failed', days: '7', text: ' Müller & co ', mine: true });
    expect(Object.fromEntries(new URLSearchParams(toQuery(all, '5.u')))).toEqual({
      limit: '50',
      phase: 'Failed',
      createdAfter: '2026-01-24T00:00:00.000Z',
      text: 'Müller & co',
      creator: 'alice',
      cursor: '5.u',
    });
  });

  it('keeps what is chosen in the address, where anybody may write anything', () => {
    const filters = { phase: 'Failed', days: '7', text: 'a&b', mine: true } as const;
    expect(readFilters(writeFilters(filters))).toEqual(filters);
    expect(writeFilters({ ...NO_FILTERS, text: '  ' }).toString()).toBe('');
    const params = new URLSearchParams({ phase: '<b>', days: '1000000', text: 'x'.repeat(9_999), mine: 'yes' });
    expect(readFilters(params)).toEqual({ phase: '', days: '', text: 'x'.repeat(200), mine: false });
  });

  it.each([
    [{}, true],
    [{ phase: 'Pending' }, true],
    [{ phase: 'Failed' }, false],
    [{ days: '30' }, true],
    [{ days: '7' }, false],
    [{ mine: true }, true],
    [{ text: 'PEOPLE' }, true],
    [{ text: ' u.CSV ' }, true],
    [{ text: 'in/' }, false],
  ] as const)('shows what fits %j', (filters, isShown) => {
    const shown = upload('u', { createdBy: 'alice', createdAt: '2026-01-02T00:00:00Z' });
    expect(matches(shown, asked(filters))).toBe(isShown);
  });

  it('shows each change in its place', () => {
    const list = toList(page([at('b', 2), at('a', 1)]));
    const changed = applyEvents(
      list,
      [
        told(at('c', 3)),
        told(at('b', 2, { phase: 'Failed' })),
        { type: 'deleted', name: 'a', uid: 'uid-a' },
        told(at('b1', 2)),
      ],
      asked(),
    );
    expect(names(changed)).toEqual(['c', 'b', 'b1']);
    expect(changed.uploads[1]!.phase).toBe('Failed');
  });

  it('leaves what is older than the last page to the pages that follow', () => {
    const list = toList(page([at('c', 3), at('b', 2)], 'cursor'));
    expect(names(applyEvents(list, [told(at('a', 1))], asked()))).toEqual(['c', 'b']);
    const longer = addPage(list, page([at('b', 2), at('a', 1)]));
    expect(names(longer)).toEqual(['c', 'b', 'a']);
    expect(names(applyEvents(longer, [told(at('old', 0))], asked()))).toEqual(['c', 'b', 'a', 'old']);
  });

  it('takes an upload away that does not fit any more', () => {
    const list = toList(page([at('b', 2, { phase: 'Processing' })]));
    const done = told(at('b', 2, { phase: 'Complete' }));
    expect(names(applyEvents(list, [done], asked({ phase: 'Processing' })))).toEqual([]);
  });

  it('forgets what a watch that begins anew does not tell, also when the telling takes long', () => {
    const list = toList(page([at('c', 3), at('b', 2), at('a', 1)], 'cursor'));
    const half = applyEvents(list, [{ type: 'snapshot' }, told(at('c', 3))], asked());
    expect(names(half)).toEqual(['c', 'b', 'a']);
    const whole = applyEvents(half, [told(at('a', 1)), { type: 'synced' }], asked());
    expect(names(whole)).toEqual(['c', 'a']);
    // A watch that goes on tells only what has changed.
    expect(names(applyEvents(whole, [{ type: 'synced' }], asked()))).toEqual(['c', 'a']);
  });
});

describe('how an upload stands', () => {
  it.each([
    ['waiting', upload('u')],
    ['hindered', upload('u', { conditions: [condition('Accepted', 'False', 'SecretMissing')] })],
    ['hindered', upload('u', { phase: 'Processing', conditions: [condition('Degraded', 'True', 'PodsFailing')] })],
    ['hindered', upload('u', { phase: 'Planning', conditions: [condition('Suspended', 'True', 'JobSuspended')] })],
    ['queued', upload('u', { phase: 'Queued' })],
    ['suspended', upload('u', { phase: 'Suspended' })],
    ['cancelled', upload('u', { phase: 'Cancelled' })],
    ['reading', upload('u', { phase: 'Planning' })],
    ['loading', upload('u', { phase: 'Processing' })],
    ['checking', upload('u', { phase: 'Processing', mode: 'Validate' })],
    ['done', complete({ total: 1, failed: 0 })],
    ['done-with-mistakes', complete({ total: 1, failed: 1 })],
    ['failed', failed('PodFailed')],
    ['deleting', failed('PodFailed', { deletedAt: '2026-01-01T00:00:00Z' })],
  ])('%s', (state, each) => {
    expect(stateOf(each)).toBe(state);
  });

  it('makes progress', () => {
    expect(progressOf(upload('u'))).toBeNull();
    expect(progressOf(upload('u', { records: { total: 4, processed: 1 } }))).toBe(0.25);
    expect(progressOf(upload('u', { records: { total: 0, processed: 0 } }))).toBe(1);
    const running = upload('u', { phase: 'Processing', estimatedCompletionTime: '2026-01-01T00:01:00Z' });
    expect(secondsLeft(running, Date.parse('2026-01-01T00:00:00Z'))).toBe(60);
    expect(secondsLeft(running, Date.parse('2026-01-01T00:02:00Z'))).toBeNull();
    expect(secondsLeft({ ...running, phase: 'Complete' }, 0)).toBeNull();
  });
});

describe('what a person is told', () => {
  const words = (each: Upload, hasKey: boolean | null = true) => {
    const { now, next, mayRetry, maySendAgain, tone, message } = explainUpload(each, hasKey);
    return { now, next, mayRetry, maySendAgain, tone, isForPerson: message?.isForPerson ?? null };
  };

  it.each([
    [upload('u'), 'now.registered', 'next.leave'],
    [upload('u', { phase: 'Planning' }), 'now.reading', 'next.leave'],
    [upload('u', { phase: 'Queued' }), 'now.queued', 'next.queued'],
    [
      upload('u', { phase: 'Queued', conditions: [condition('Progressing', 'False', 'LimitReached')] }),
      'now.turn',
      'next.leave',
    ],
    [
      upload('u', { phase: 'Queued', conditions: [condition('Progressing', 'False', 'AdmissionPending')] }),
      'now.turn',
      'next.leave',
    ],
    [upload('u', { phase: 'Suspended' }), 'now.suspended', 'next.resume'],
    [upload('u', { phase: 'Cancelled' }), 'now.cancelled', 'next.cancelled'],
    [upload('u', { phase: 'Cancelled', records: { succeeded: 5 } }), 'now.cancelled-partly', 'next.cancelled'],
    [
      upload('u', { conditions: [condition('Accepted', 'False', 'SchemaNotFound')] }),
      'now.schema',
      'next.administrator',
    ],
    [
      upload('u', { conditions: [condition('Accepted', 'False', 'DatabaseUnavailable')] }),
      'now.database-away',
      'next.by-itself',
    ],
    [
      upload('u', { conditions: [condition('Accepted', 'False', 'TargetKeyMissing')] }),
      'now.set-up',
      'next.administrator',
    ],
    [
      upload('u', { phase: 'Processing', conditions: [condition('Degraded', 'True', 'PodsFailing')] }),
      'now.hindered',
      'next.by-itself',
    ],
    [
      upload('u', { phase: 'Processing', conditions: [condition('Progressing', 'False', 'Stopping')] }),
      'now.ending',
      'next.leave',
    ],
    [complete({ total: 3, succeeded: 3 }), 'now.all-loaded', 'next.nothing'],
    [complete({ total: 3, succeeded: 2, duplicate: 1 }), 'now.loaded-and-duplicates', 'next.nothing'],
    [complete({ total: 3, succeeded: 2, failed: 1 }), 'now.loaded-with-mistakes', 'next.mend'],
    [complete({ total: 0 }), 'now.no-records', 'next.no-records'],
    [complete({ total: 3, succeeded: 3 }, { mode: 'Validate' }), 'now.checked', 'next.checked'],
    [complete({ total: 3, failed: 3 }, { mode: 'Validate' }), 'now.checked-with-mistakes', 'next.mend-checked'],
    [
      complete({}, { conditions: [condition('Complete', 'True', 'AlreadyLoaded')] }),
      'now.already-loaded',
      'next.already-loaded',
    ],
  ])('of an upload: %#', (each, now, next) => {
    expect(words(each)).toMatchObject({ now, next, mayRetry: false });
  });

  it('what is wrong with the file, in words for the person, and never to try the same again', () => {
    for (const reason of [
      'HeaderMismatch',
      'FileDamaged',
      'FormatMismatch',
      'FormatNotSupported',
      'RecordTooLong',
      'UnterminatedQuote',
    ]) {
      expect(words(failed(reason))).toMatchObject({
        mayRetry: false,
        maySendAgain: true,
        isForPerson: true,
        tone: 'error',
      });
    }
  });

  it('to try again what a fault of the machines has ended', () => {
    for (const reason of [
      'BackoffLimitExceeded',
      'OutOfMemory',
      'PodFailed',
      'StorageUnavailable',
      'InternalError',
      'NeverHeardOf',
    ]) {
      expect(words(failed(reason))).toMatchObject({ now: 'now.failed-other', mayRetry: true, isForPerson: false });
    }
  });

  it('not to load records twice that have no key', () => {
    const many = failed('TooManyFailedRecords', { records: { total: 9, succeeded: 5, failed: 4 } });
    expect(words(many, true)).toMatchObject({ next: 'next.mend-many', maySendAgain: true });
    expect(words(many, null)).toMatchObject({ next: 'next.mend-many', maySendAgain: true });
    expect(words(many, false)).toMatchObject({ next: 'next.mend-many-no-key', maySendAgain: false });
    expect(words({ ...many, mode: 'Validate' }, false)).toMatchObject({ next: 'next.mend-many' });
    expect(words(failed('PartlyLoaded'), false)).toMatchObject({ mayRetry: false, maySendAgain: false });
  });

  it('not to correct the records of somebody else', () => {
    const faulty = complete({ total: 3, succeeded: 2, failed: 1 });
    const { next, maySendAgain } = explainUpload(faulty, true, false);
    expect([next, maySendAgain]).toEqual(['next.mend-of-others', false]);
  });

  it('something for every reason that there is', () => {
    for (const reason of Object.keys(REASONS)) {
      for (const type of ['Accepted', 'Degraded', 'Failed']) {
        const phase = type === 'Failed' ? 'Failed' : 'Pending';
        const status = type === 'Accepted' ? 'False' : 'True';
        const { now, next } = explainUpload(
          upload('u', { phase, conditions: [condition(type, status, reason)] }),
          null,
        );
        for (const language of ['en', 'es'] as Language[]) {
          expect(text(now, { count: 2 }, language) + text(next, {}, language)).not.toMatch(/\{|undefined/);
        }
      }
    }
  });
});

describe('failed records', () => {
  const record = (row: number, code: string) => ({ row, faults: [{ code, message: `${code} at ${row}` }] });

  it('stand in groups with the first of each', () => {
    const counts = {
      failed: 12,
      codes: [
        { code: 'VAL_001', count: 9, message: 'Missing.' },
        { code: 'BIZ_1', count: 3 },
      ],
    };
    const records = [record(2, 'VAL_001'), record(3, 'VAL_001'), record(5, 'VAL_001'), record(6, 'VAL_001')];
    const groups = groupFaults(counts, records);
    expect(
      groups.map(({ code, count, message, samples }) => [code, count, message, samples.map(({ row }) => row)]),
    ).toEqual([
      ['VAL_001', 9, 'Missing.', [2, 3, 5]],
      ['BIZ_1', 3, null, []],
    ]);
  });

  it('are explained in the language of the page, and those of the schema in its own words', () => {
    expect(explainCode({ code: 'VAL_001', message: 'x' }, 'es')).toMatchObject({
      what: 'Falta un valor',
      isForeign: false,
    });
    expect(explainCode({ code: 'BIZ_1', message: 'an amount needs a currency' }, 'es')).toEqual({
      what: 'an amount needs a currency',
      mend: 'Cambie los valores para que se cumpla la regla.',
      isForeign: true,
    });
    expect(explainCode({ code: 'constructor', message: null }, 'en')).toMatchObject({
      what: 'A rule of the record type does not hold',
      isForeign: false,
    });
  });
});

describe('a field', () => {
  const field = (facts: Partial<SchemaField>): SchemaField => ({
    name: 'f',
    type: 'string',
    required: false,
    sensitive: false,
    ...facts,
  });

  it.each<[Partial<SchemaField>, string]>([
    [{}, 'A text.'],
    [{ format: 'email' }, 'An email address, such as name@example.com.'],
    [{ type: 'any' }, 'Any text.'],
    [{ type: 'integer', bareNumber: false }, 'A whole number, such as 42. A unit may stand beside the number.'],
    [{ type: 'number', decimalChar: ',', groupChar: '.' }, 'A number, such as 1.234,5.'],
    [{ type: 'boolean' }, 'Yes, written as true or 1, or no, written as false or 0.'],
    [{ type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] }, 'Yes, written as ja, or no, written as nein.'],
    [{ type: 'date' }, 'A date, written as in 2025-01-31.'],
    [{ type: 'date', format: '%d.%m.%Y' }, 'A date, written as in 31.01.2025.'],
    [{ type: 'datetime', format: '%d/%m/%y %H:%M' }, 'A date with a time, written as in 31/01/25 14:05.'],
    [{ type: 'date', format: '%Q' }, 'A date, written as in %Q.'],
    [{ type: 'object' }, 'A JSON object, such as {"a": 1}.'],
    [{ constraints: { enum: ['EUR', 'CHF'] } }, 'A text. One of: EUR or CHF.'],
    [{ constraints: { minLength: 2, maxLength: 2 } }, 'A text. Exactly 2 characters.'],
    [{ constraints: { minLength: 2, maxLength: 5 } }, 'A text. 2 to 5 characters.'],
    [{ constraints: { minLength: 1 } }, 'A text. At least 1 character.'],
    [{ constraints: { maxLength: 100 } }, 'A text. At most 100 characters.'],
    [
      { type: 'integer', constraints: { minimum: '0', exclusiveMaximum: '10' } },
      'A whole number, such as 42. 0 or more. Less than 10.',
    ],
    [
      { missingValues: ['NA', '-'], aliases: ['birthday'] },
      'A text. Counts as empty: NA or -. The column may also be called birthday.',
    ],
  ])('is told as %j', (facts, sentences) => {
    expect(describeField(field(facts), 'en').join(' ')).toBe(sentences);
  });

  it('with a thousand values names the first ones', () => {
    const values = Array.from({ length: 1000 }, (_, i) => `v${i}`);
    const [, limit] = describeField(field({ constraints: { enum: values } }), 'en');
    expect(limit).toMatch(/v0, .* v19 …\.$/);
  });
});
