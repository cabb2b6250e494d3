/** Names that hold where a resource names nothing else; the chart makes objects with these names. */
export const DEFAULT_NAMES = {
  databaseSecret: 'batch-upload-database',
  migrateSecret: 'batch-upload-migrate',
  s3Secret: 'batch-upload-s3',
  serviceAccount: 'batch-upload-runner',
} as const;

/** Keys of the database Secret. */
export const DATABASE_SECRET_KEYS = { uri: 'uri', caCert: 'ca.crt' } as const;

/** Keys of the storage Secret: the AWS SDK's own variable names. All optional. */
export const S3_SECRET_KEYS = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_ENDPOINT_URL_S3',
] as const;
