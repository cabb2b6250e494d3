/** Messages of the job runner in the words of the command line. Pure. */

/**
 * The job runner speaks of a BatchUpload, of an object of the storage and of Secrets. Here the file is local, options
 * declare its format, and the database is an option, too.
 */
export function inWordsOfOptions(message: string): string {
  let said = message
    .replaceAll('spec.format.', '--format.')
    .replace('spec.format declares', 'The options --format.… declare')
    .replace(
      / (?:Create|in) a (?:new )?BatchUpload that declares what the file is, or declares nothing/,
      ' Declare what the file is, or declare nothing',
    )
    .replaceAll(/ in a new BatchUpload/g, '')
    .replace(/: pack one file an archive, and load each by its own BatchUpload/, ': pack one file in an archive')
    .replaceAll(/,? and upload (?:it|that)(?: again)?/g, ', and try again')
    .replaceAll('upload it again', 'get it again from its sender');
  for (const [words, own] of WORDS) said = said.replaceAll(words, own);
  // A message that names a bucket is about an object of the storage indeed.
  return /\bbucket\b/.test(said)
    ? said
    : said.replaceAll('The object', 'The file').replaceAll('the object', 'the file');
}

const URI = 'the URI of --database';

const WORDS: readonly (readonly [string, string])[] = [
  // The limits of failed records.
  ['spec.errorPolicy.maxFailedRecords', '--max-failed-records'],
  ['spec.errorPolicy.maxFailedPercent', '--max-failed-percent'],
  [
    'Raise the limit and then spec.retryGeneration to go on, or correct the file and create another BatchUpload:',
    'Raise the limit or correct the file, and call the command again:',
  ],
  [
    'Raise the limit and then spec.retryGeneration to go on. As the schema has no primaryKey, a corrected file in another BatchUpload appends',
    'Raise the limit and call the command again to go on. As the schema has no primaryKey, a corrected file appends',
  ],
  ['raise the limit, and create another BatchUpload', 'raise the limit, and call the command again'],
  ['Raise spec.retryGeneration of that upload, which then goes on where it was; or remove', 'Remove'],
  [
    'Raise spec.retryGeneration where the release runs that has planned the upload (the chart that was installed then), or remove',
    'Call the same command by the release that has begun the load, or remove',
  ],
  [
    'load the file by another BatchUpload with spec.reload: true',
    'call the command with --reload, which then appends every record',
  ],
  [
    'load the file by a new BatchUpload with spec.reload: true',
    'call the command with --reload, which then appends every record',
  ],
  // The database.
  ["The database Secret's uri cannot be used", 'The URI of --database cannot be used'],
  [' Correct the key uri of the Secret.', ' Correct the option, or DATABASE_URL.'],
  ["; put a CA certificate into the Secret's ca.crt", ', which is not supported'],
  ['cannot be used from a pod', 'cannot be used'],
  ["the host and port in the Secret's uri", `the host and port in ${URI}`],
  [
    'refused the credentials of the Secret: correct its uri.',
    `refused the user or the password in ${URI}. Correct them.`,
  ],
  ['Grant the role of the Secret', `Grant the role in ${URI}`],
  ['The database of the uri does not exist.', `The database in ${URI} does not exist: create it, or name another one.`],
  [
    ', or add the Secret batch-upload-migrate with the uri of a role that may: the operator uses it within five minutes.',
    ', or name a role that may in --database.',
  ],
  ['The role of the Secret', `The role in ${URI}`],
  // The storage.
  [
    'put the file there and create the BatchUpload again, or correct spec.source.s3.key',
    'put the file there, or correct the path s3://bucket/key',
  ],
  ['correct spec.source.s3.bucket, or the endpoint or region', 'correct the bucket, AWS_ENDPOINT_URL_S3 or AWS_REGION'],
  [
    'Check the keys in the Secret batch-upload-s3 (or spec.source.s3.credentialsSecretRef), and that they may read this object.',
    'Check the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that they may read this object.',
  ],
  ['and the endpoint in its Secret', 'and its address in AWS_ENDPOINT_URL_S3'],
  ['Create a new BatchUpload for what is there now.', 'Call the same command again for what is there now.'],
];
