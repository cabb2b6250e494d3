/** One version of one object: what is read by it is never mixed with another. */
export interface ObjectIdentity {
  bucket: string;
  key: string;
  eTag: string;
  /** Null in a bucket without versions. */
  versionId: string | null;
  sizeBytes: number;
}
