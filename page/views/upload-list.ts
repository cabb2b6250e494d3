/** The list of uploads as it is shown: filters, pages, and what a watch tells. Pure. */
import { PHASES, type Phase } from '#page/api/phases.ts';
import type { Upload, UploadPage } from '#page/api/types.ts';
import type { WatchEvent } from '#page/api/watch.ts';

export const DAYS = ['1', '7', '30'] as const;

export interface Filters {
  phase: Phase | '';
  /** Only uploads that were made in the last days; empty: at any time. */
  days: (typeof DAYS)[number] | '';
  /** A part of the name of the file, the upload or the schema, in any case. */
  text: string;
  /** Only those that the person has sent. */
  mine: boolean;
}

export const NO_FILTERS: Filters = { phase: '', days: '', text: '', mine: false };
const PAGE = 50;
const DAY_MS = 86_400_000;

/** @param params the part of the address behind `?`, which anybody may have written */
export function readFilters(params: URLSearchParams): Filters {
  return {
    phase: PHASES.find((phase) => phase === params.get('phase')) ?? '',
    days: DAYS.find((days) => days === params.get('days')) ?? '',
    text: (params.get('text') ?? '').slice(0, 200),
    mine: params.get('mine') === '1',
  };
}

export function writeFilters({ phase, days, text, mine }: Filters): URLSearchParams {
  const params = new URLSearchParams();
  if (phase !== '') params.set('phase', phase);
  if (days !== '') params.set('days', days);
  if (text.trim() !== '') params.set('text', text);
  if (mine) params.set('mine', '1');
  return params;
}

export const isFiltered = (filters: Filters) => writeFilters(filters).size > 0;

export interface Asked {
  filters: Filters;
  /** Who looks at the list. */
  user: string;
  /** Epoch ms at which the list was asked for: the days are counted back from then. */
  at: number;
}

/** The query of GET uploads. */
export function toQuery({ filters: { phase, days, text, mine }, user, at }: Asked, cursor?: string): string {
  const params = new URLSearchParams({ limit: String(PAGE) });
  if (phase !== '') params.set('phase', phase);
  if (days !== '') params.set('createdAfter', new Date(at - Number(days) * DAY_MS).toISOString());
  if (text.trim() !== '') params.set('text', text.trim());
  if (mine) params.set('creator', user);
  if (cursor !== undefined) params.set('cursor', cursor);
  return params.toString();
}

/** Would the gateway list the upload? */
export function matches(upload: Upload, { filters: { phase, days, text, mine }, user, at }: Asked): boolean {
  const sought = text.trim().toLowerCase();
  return (
    (phase === '' || upload.phase === phase) &&
    (days === '' || Date.parse(upload.createdAt) >= at - Number(days) * DAY_MS) &&
    (!mine || upload.createdBy === user) &&
    (sought === '' ||
      [upload.file.name, upload.name, upload.schema].some((name) => name.toLowerCase().includes(sought)))
  );
}

export interface UploadList {
  /** The newest first, and by name among those of one second. */
  uploads: Upload[];
  /** Where the next page begins; null: every upload is in the list. */
  nextCursor: string | null;
  /** The uids that were told since a watch has begun anew; null: it goes on from where it was. */
  told: ReadonlySet<string> | null;
}

export const toList = ({ items, nextCursor }: UploadPage): UploadList => ({
  uploads: items,
  nextCursor: nextCursor ?? null,
  told: null,
});

export function addPage(list: UploadList, { items, nextCursor }: UploadPage): UploadList {
  const known = new Set(list.uploads.map(({ uid }) => uid));
  const added = items.filter(({ uid }) => !known.has(uid));
  return { ...list, uploads: [...list.uploads, ...added].sort(compare), nextCursor: nextCursor ?? null };
}

/** What is older than the last upload of the list belongs to a page that was not asked for yet. */
export function applyEvents(list: UploadList, events: readonly WatchEvent[], asked: Asked): UploadList {
  const byUid = new Map(list.uploads.map((upload) => [upload.uid, upload]));
  const last = list.nextCursor === null ? null : (list.uploads.at(-1) ?? null);
  let told = list.told === null ? null : new Set(list.told);
  for (const event of events) {
    switch (event.type) {
      case 'snapshot':
        told = new Set();
        break;
      case 'upload': {
        const { upload } = event;
        told?.add(upload.uid);
        if (!matches(upload, asked)) byUid.delete(upload.uid);
        else if (byUid.has(upload.uid) || last === null || compare(upload, last) < 0) byUid.set(upload.uid, upload);
        break;
      }
      case 'deleted':
        byUid.delete(event.uid);
        break;
      case 'synced':
        for (const uid of byUid.keys()) if (told !== null && !told.has(uid)) byUid.delete(uid);
        told = null;
        break;
      default:
        break;
    }
  }
  return { ...list, uploads: [...byUid.values()].sort(compare), told };
}

/** Negative when `a` comes before `b`: the order of the gateway's pages. */
function compare(a: Upload, b: Upload): number {
  const newer = Date.parse(b.createdAt) - Date.parse(a.createdAt);
  if (newer !== 0) return newer;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
