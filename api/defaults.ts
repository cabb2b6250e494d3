/** Default names of objects that a resource does not name itself; the chart creates objects with these names. */
export const DEFAULT_NAMES = {
  databaseSecret: 'batch-upload-database',
  migrateSecret: 'batch-upload-migrate',
  s3Secret: 'batch-upload-s3',
  partnersSecret: 'batch-upload-partners',
  serviceAccount: 'batch-upload-runner',
} as const;

/** Keys of the database Secret. */
export const DATABASE_SECRET_KEYS = { uri: 'uri', caCert: 'ca.crt' } as const;

/** Keys of the storage Secret, which are the AWS SDK's variable names. All keys are optional. */
export const S3_SECRET_KEYS = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_ENDPOINT_URL_S3',
] as const;
