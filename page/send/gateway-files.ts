/**
 * The gateway's endpoints for files, as the page uses them. Every call goes on after a lost network, and stops at a
 * refusal.
 */
import type { ColumnMapping } from '#api/source-format.ts';
import { apiPath, type CallOptions, type Method } from '#page/api/client.ts';
import type { Upload } from '#page/api/types.ts';
import { encodeCrc32 } from './encode-crc32.ts';
import { untilAnswered, type Wait } from './until-answered.ts';

export interface SignedPut {
  url: string;
  headers: Record<string, string>;
}

/** A place in the storage for a file. */
export interface Place {
  id: string;
  name: string;
  size: number;
  state: 'Open' | 'Registered' | 'Abandoned' | 'Removed';
  uploadName?: string;
  /** ISO 8601: what is not registered by then is removed. */
  expiresAt: string;
  /** For a file that is put whole; only the answer that makes the place has it. */
  put?: SignedPut;
  /** For a file that is put in parts. */
  multipart?: { partSize: number; parts: number };
}

export interface StoredPart {
  number: number;
  size: number;
  eTag: string;
}

export interface Registration {
  schema: string;
  eTag: string;
  columns: readonly ColumnMapping[];
}

export interface GatewayFiles {
  /** @throws ProblemError, as all of these */
  makePlace(file: { name: string; size: number; crc32: number }, key: string, signal: AbortSignal): Promise<Place>;
  readPlace(id: string, signal: AbortSignal): Promise<Place>;
  /** @param crc32 of the part: the storage refuses a part that was cut or changed on its way. */
  signPart(id: string, part: { number: number; crc32: number }, signal: AbortSignal): Promise<SignedPut>;
  listParts(id: string, signal: AbortSignal): Promise<StoredPart[]>;
  complete(id: string, signal: AbortSignal): Promise<{ eTag: string }>;
  register(id: string, registration: Registration, signal: AbortSignal): Promise<Upload>;
  /** The file is removed at once, and not only after a day. */
  remove(id: string): Promise<void>;
  /** Whether pages may put files; the message is for the storage's administrator. */
  readStorage(signal: AbortSignal): Promise<{ status: string; message: string }>;
}

export interface FilesDeps {
  call<T>(method: Method, path: string, body?: unknown, options?: CallOptions): Promise<T>;
  wait: Wait;
  namespace: string;
  /** Is called with true when no answer comes, and with false when answers come again. */
  onSilence(isSilent: boolean): void;
}

export function createGatewayFiles({ call, wait, namespace, onSilence }: FilesDeps): GatewayFiles {
  const path = (...segments: string[]) => apiPath(namespace, ...segments);
  const ask = <T>(signal: AbortSignal, method: Method, to: string, body?: unknown, headers?: Record<string, string>) =>
    untilAnswered(() => call<T>(method, to, body, { signal, ...(headers === undefined ? {} : { headers }) }), {
      wait,
      signal,
      onSilence,
    });
  return {
    makePlace: ({ name, size, crc32 }, key, signal) =>
      ask(
        signal,
        'POST',
        path('files'),
        { name, size, checksum: { algorithm: 'CRC32', value: encodeCrc32(crc32) } },
        { 'idempotency-key': key },
      ),
    readPlace: (id, signal) => ask(signal, 'GET', path('files', id)),
    async signPart(id, { number, crc32 }, signal) {
      const body = { numbers: [number], checksums: [encodeCrc32(crc32)] };
      const { parts } = await ask<{ parts: SignedPut[] }>(signal, 'POST', path('files', id, 'parts'), body);
      return parts[0]!;
    },
    async listParts(id, signal) {
      const stored: StoredPart[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const to: string = `${path('files', id, 'parts')}?after=${after}`;
        const page: { parts: StoredPart[]; next: number | null } = await ask(signal, 'GET', to);
        stored.push(...page.parts);
        after = page.next;
      }
      return stored;
    },
    complete: (id, signal) => ask(signal, 'POST', path('files', id, 'complete')),
    register: (id, { schema, eTag, columns }, signal) =>
      ask(
        signal,
        'POST',
        path('uploads'),
        {
          file: id,
          eTag,
          schema,
          sourceType: 'UI',
          ...(columns.length === 0 ? {} : { format: { columns } }),
        },
        // A file becomes one upload, so that its id is the key; a refusal is not kept under the key.
        { 'idempotency-key': `page-${id}` },
      ),
    remove: (id) => call('DELETE', path('files', id)),
    async readStorage(signal) {
      const { pages } = await ask<{ pages: { status: string; message: string } }>(
        signal,
        'GET',
        path('files', 'storage'),
      );
      return pages;
    },
  };
}
