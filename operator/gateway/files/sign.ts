/**
 * Signs the requests by which a sender puts a file straight into the storage. Signing sends nothing.
 *
 * The SDK would add the checksum of an empty body, and move a declared checksum into the query, where the storage does not
 * compare it with the body: hence `WHEN_REQUIRED` in the clients, and every header of a request is named here, so that it
 * stays a header and is signed.
 */
import { PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { FileChecksum, FileRow } from '#ledger/gateway/files.ts';
import { checksumHeader, checksumParameter } from './checksums.ts';
import { sizeOfPart } from './parts.ts';

/** What a signature is made with. `at` is the present time, epoch ms. */
export interface Signing {
  signer: S3Client;
  at: number;
  /** Seconds for which a request may begin. */
  seconds: number;
}

/** Where and what a file is. */
export type SignedFile = Pick<FileRow, 'bucket' | 'key' | 'size' | 'sizeIsLimit' | 'contentType' | 'checksum'>;

const signers = new WeakMap<S3Client, Map<string, S3Client>>();

/** The client that signs for the address under which the outside sees the storage, with the keys of `s3`. */
export function signerFor(s3: S3Client, publicEndpoint: string | null): S3Client {
  if (publicEndpoint === null) return s3;
  const known = signers.get(s3) ?? new Map<string, S3Client>();
  signers.set(s3, known);
  const signer =
    known.get(publicEndpoint) ??
    new S3Client({
      endpoint: publicEndpoint,
      forcePathStyle: true,
      region: s3.config.region,
      credentials: s3.config.credentials,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
  known.set(publicEndpoint, signer);
  return signer;
}

/** One PUT of exactly this file, which fails where the key already has an object. */
export async function signPut({ signer, at, seconds }: Signing, file: SignedFile) {
  const { bucket, key, size, contentType, checksum } = file;
  const headers = {
    'content-type': contentType,
    'content-length': String(size),
    'if-none-match': '*',
    ...checksumHeaders(checksum),
  };
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    ContentType: contentType,
    ContentLength: size,
    IfNoneMatch: '*',
    ...checksumParameter(checksum),
  });
  const url = await getSignedUrl(signer, command, {
    ...signedAs(headers),
    signingDate: new Date(at),
    expiresIn: seconds,
  });
  return { method: 'PUT' as const, url, headers };
}

/**
 * The fields of an HTML form that sends this file. S3 has no If-None-Match for forms.
 * @param redirect where the storage sends the browser when the file has arrived; it adds bucket, key and etag to the query
 */
export async function signForm({ signer, seconds }: Signing, file: SignedFile, redirect?: string) {
  const { bucket, key, size, sizeIsLimit, contentType, checksum } = file;
  return createPresignedPost(signer, {
    Bucket: bucket,
    Key: key,
    Conditions: [['content-length-range', sizeIsLimit ? 1 : size, size]],
    Fields: {
      'Content-Type': contentType,
      ...checksumHeaders(checksum),
      ...(redirect === undefined ? {} : { success_action_redirect: redirect }),
    },
    Expires: seconds,
  });
}

/** The PUT of one part, whose length is signed, and whose checksum is where its sender knows the checksum. */
export async function signPart(
  { signer, at, seconds }: Signing,
  {
    bucket,
    key,
    size,
    multipart,
  }: Pick<FileRow, 'bucket' | 'key' | 'size'> & { multipart: { id: string; partSize: number } },
  { number, checksum }: { number: number; checksum: FileChecksum | null },
) {
  const partSize = sizeOfPart({ size, partSize: multipart.partSize }, number);
  const headers = { 'content-length': String(partSize), ...checksumHeaders(checksum) };
  const command = new UploadPartCommand({
    Bucket: bucket,
    Key: key,
    UploadId: multipart.id,
    PartNumber: number,
    ContentLength: partSize,
    ...checksumParameter(checksum),
  });
  const url = await getSignedUrl(signer, command, {
    ...signedAs(headers),
    signingDate: new Date(at),
    expiresIn: seconds,
  });
  return { number, method: 'PUT' as const, url, headers };
}

function checksumHeaders(checksum: FileChecksum | null): Record<string, string> {
  return checksum === null ? {} : { [checksumHeader(checksum.algorithm)]: checksum.value };
}

/** The presigner leaves some headers out of the signature and moves others into the query, unless both sets name them. */
function signedAs(headers: object) {
  const names = Object.keys(headers);
  return { signableHeaders: new Set(names), unhoistableHeaders: new Set(names) };
}
