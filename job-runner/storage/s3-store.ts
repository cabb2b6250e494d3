import type { S3Client } from '@aws-sdk/client-s3';
import { headObject, readInto } from '#s3/read-object.ts';
import type { FileStore } from './file-store.ts';
import { createWorkCopy, removeWorkCopies } from './work-copy.ts';

export function createS3Store(s3: S3Client): FileStore {
  return {
    head: (location, retry) => headObject(s3, location, retry),
    readInto: (identity, range, retry) => readInto(s3, identity, range, retry),
    createCopy: (place, retry) => createWorkCopy(s3, place, retry),
    removeCopies: (copies, retry) => removeWorkCopies(s3, copies, retry),
  };
}
