/** A sender of a large file by the API: puts the parts that the storage does not have, and can be cut off in the middle of one. */
import { request } from 'node:http';
import { crc32 } from 'node:zlib';
import { crc32Base64 } from '#support/records/long-records.ts';

export interface LargePlace {
  id: string;
  key: string;
  bucket: string;
  multipart: { partSize: number; parts: number };
}

interface SignedPart {
  number: number;
  url: string;
  headers: Record<string, string>;
}

export interface PartSender {
  /** The numbers of the parts that the storage does not have. */
  listMissing(): Promise<number[]>;
  /** Puts the missing parts. Part `cutAt` is cut in the middle, and nothing is put after it. */
  putParts(cutAt?: number): Promise<void>;
}

/** The number of parts that are sent at the same time. */
const AT_ONCE = 4;

/**
 * @param ask of the gateway, with the path below that of the namespace
 * @param makeBytes the bytes of the file from `at` on
 */
export function createPartSender(
  { id, multipart: { partSize, parts: count } }: LargePlace,
  {
    size,
    ask,
    makeBytes,
  }: {
    size: number;
    ask: <T>(path: string, body?: object) => Promise<T>;
    makeBytes: (at: number, bytes: number) => Buffer;
  },
): PartSender {
  const bytesOf = (number: number) => {
    const at = (number - 1) * partSize;
    return makeBytes(at, Math.min(partSize, size - at));
  };

  async function listMissing(): Promise<number[]> {
    const stored = new Set<number>();
    for (let after: number | null = 0; after !== null; ) {
      const page: { parts: { number: number }[]; next: number | null } = await ask(`files/${id}/parts?after=${after}`);
      for (const { number } of page.parts) stored.add(number);
      after = page.next;
    }
    return Array.from({ length: count }, (_, at) => at + 1).filter((number) => !stored.has(number));
  }

  return {
    listMissing,
    async putParts(cutAt) {
      const missing = await listMissing();
      for (let first = 0; first < missing.length; first += AT_ONCE) {
        const numbers = missing.slice(first, first + AT_ONCE);
        const bytes = numbers.map(bytesOf);
        // The storage refuses a part that was cut only where it knows the checksum of the part.
        const checksums = bytes.map((each) => crc32Base64(crc32(each)));
        const { parts } = await ask<{ parts: SignedPart[] }>(`files/${id}/parts`, { numbers, checksums });
        await Promise.all(
          parts.map((part, i) => (part.number === cutAt ? cutPart(part, bytes[i]!) : putPart(part, bytes[i]!))),
        );
        if (cutAt !== undefined && numbers.includes(cutAt)) return;
      }
    },
  };
}

async function putPart({ number, url, headers }: SignedPart, bytes: Buffer): Promise<void> {
  const answer = await fetch(url, { method: 'PUT', headers, body: bytes as Buffer<ArrayBuffer> });
  if (!answer.ok) throw new Error(`part ${number}: ${answer.status} ${await answer.text()}`);
}

/** Sends the first half of the part, and ends the connection. */
async function cutPart({ url, headers }: SignedPart, bytes: Buffer): Promise<void> {
  const sending = request(url, { method: 'PUT', headers: { ...headers, 'content-length': bytes.length } });
  sending.on('error', () => undefined);
  await new Promise((resolve) => sending.write(bytes.subarray(0, bytes.length / 2), resolve));
  sending.destroy();
}
