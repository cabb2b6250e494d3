/** Makes a file of many gigabytes, and reads how much of it was transferred, and the digest of what arrived. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { GetObjectCommand, ListMultipartUploadsCommand, ListPartsCommand, type S3Client } from '@aws-sdk/client-s3';

/**
 * Writes a file whose blocks differ. Random records would take much longer to make.
 * @returns SHA-256, in hex
 */
export async function writeBigFile(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const out = createWriteStream(path);
  for (let at = 0; at < bytes; ) {
    const block = Buffer.alloc(Math.min(4 * 1024 * 1024, bytes - at), `${at},alpha,beta,gamma,2026-01-01\n`);
    hash.update(block);
    if (!out.write(block)) await once(out, 'drain');
    at += block.length;
  }
  out.end();
  await once(out, 'close');
  return hash.digest('hex');
}

/** The bytes in the parts of the first unfinished multipart upload under the prefix; null when there is none. */
export async function storedBytes(s3: S3Client, Bucket: string, Prefix = ''): Promise<number | null> {
  const [upload] = (await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix }))).Uploads ?? [];
  if (!upload) return null;
  const { Key, UploadId } = upload;
  const { Parts = [] } = await s3
    .send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 1000 }))
    .catch(() => ({ Parts: [] }));
  return Parts.reduce((sum, { Size = 0 }) => sum + Size, 0);
}

/** Reads the object as a client does: the server's own folder would prove nothing. @returns SHA-256, in hex */
export async function digestOfObject(s3: S3Client, Bucket: string, Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  const hash = createHash('sha256');
  for await (const piece of Body as AsyncIterable<Buffer>) hash.update(piece);
  return hash.digest('hex');
}
