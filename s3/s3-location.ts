/** Where an object lies, as in a BatchUpload's `spec.source.s3`. Absent settings come from the pod's environment. */
export interface S3Location {
  bucket: string;
  key: string;
  versionId?: string;
  eTag?: string;
  endpoint?: string;
  region?: string;
  forcePathStyle?: boolean;
}
