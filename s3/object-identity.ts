/** One version of one object: what is read by it is never mixed with another. */
export interface ObjectIdentity {
  bucket: string;
  key: string;
  eTag: string;
  /** Null in a bucket without versions. */
  versionId: string | null;
  sizeBytes: number;
}

/** A whole object that was small enough to be kept. */
export interface ReadObject {
  identity: ObjectIdentity;
  bytes: Buffer;
  /** Requests that had to be tried again. */
  retries: number;
}

export function isSame(one: ObjectIdentity, other: ObjectIdentity): boolean {
  return (
    one.bucket === other.bucket &&
    one.key === other.key &&
    one.eTag === other.eTag &&
    one.versionId === other.versionId &&
    one.sizeBytes === other.sizeBytes
  );
}
