/** Where an object lies, as a BatchUpload's `spec.source.s3` says. What is absent comes from the pod's environment. */
export interface S3Location {
  bucket: string;
  key: string;
  versionId?: string;
  eTag?: string;
  endpoint?: string;
  region?: string;
  forcePathStyle?: boolean;
}
