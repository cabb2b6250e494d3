/** Identifies one version of one object, so that a reader never mixes the bytes of two versions. */
export interface ObjectIdentity {
  bucket: string;
  key: string;
  eTag: string;
  /** Null when the bucket keeps no versions. */
  versionId: string | null;
  sizeBytes: number;
}

/** A whole object that was small enough to be kept in memory. */
export interface ReadObject {
  identity: ObjectIdentity;
  bytes: Buffer;
  /** The number of requests that had to be tried again. */
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
