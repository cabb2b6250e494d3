/** The uploads of the API: what a request may ask for, and how an upload is shown. */
import { type Static, Type } from 'typebox';
import { ENCODINGS } from '#api/source-format.ts';
import { COLUMNS } from '#operator/gateway/model/columns.ts';

export const NAME_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
const NAMESPACE = Type.String({ maxLength: 63, description: 'The namespace of the upload.' });
const NAME = { maxLength: 253, pattern: NAME_PATTERN };

export const NAMESPACE_PARAMS = Type.Object({ namespace: NAMESPACE });
export const UPLOAD_PARAMS = Type.Object({
  namespace: NAMESPACE,
  name: Type.String({ ...NAME, description: 'The name of the upload.' }),
});

const oneOf = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Enum([...values], { type: 'string', description });

export const PHASES = [
  'Pending',
  'Queued',
  'Planning',
  'Processing',
  'Suspended',
  'Complete',
  'Failed',
  'Cancelled',
] as const;
export const SOURCE_TYPES = ['Manual', 'API', 'UI', 'FTP', 'S3Event'] as const;

const CHARACTER = { minLength: 1, maxLength: 1, pattern: '^[\\x01-\\x09\\x0b\\x0c\\x0e-\\x7f]$' };
const closed = { additionalProperties: false };

const DIALECT = Type.Object(
  {
    delimiter: Type.Optional(Type.String({ ...CHARACTER, description: 'The character between two fields.' })),
    quoteChar: Type.Optional(
      Type.String({
        maxLength: 1,
        pattern: '^[\\x01-\\x09\\x0b\\x0c\\x0e-\\x7f]?$',
        description: 'The character around a quoted field; an empty text says that the file has no quoting.',
      }),
    ),
    doubleQuote: Type.Optional(
      Type.Boolean({ description: 'Is a quote inside a quoted field written twice? The default is true.' }),
    ),
    escapeChar: Type.Optional(
      Type.String({ ...CHARACTER, description: 'The character after which the next one stands for itself.' }),
    ),
    commentChar: Type.Optional(
      Type.String({ ...CHARACTER, description: 'The first character of a line that is no record.' }),
    ),
    skipInitialSpace: Type.Optional(
      Type.Boolean({ description: 'Are spaces before a field left out? The default is false.' }),
    ),
  },
  { ...closed, description: 'How a CSV file is written, in the words of the Frictionless Table Dialect.' },
);

const FORMAT = Type.Object(
  {
    type: Type.Optional(oneOf(['csv', 'ndjson', 'xlsx'], 'The type of the file.')),
    compression: Type.Optional(oneOf(['none', 'gzip', 'zip', 'zstd'], 'How the file is packed.')),
    encoding: Type.Optional(oneOf([...ENCODINGS], 'The character encoding of the text.')),
    dialect: Type.Optional(DIALECT),
    columns: Type.Optional(COLUMNS),
  },
  {
    ...closed,
    description:
      'What kind of file it is. What is left out is detected; a file that contradicts this fails as a whole.',
  },
);

const ERROR_POLICY = Type.Object(
  {
    maxFailedRecords: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'The upload fails when more records have failed.',
      }),
    ),
    maxFailedPercent: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100,
        description: 'The upload fails when a greater share of its records has failed, in percent.',
      }),
    ),
    storeRowData: Type.Optional(
      Type.Boolean({
        description: 'Is the text of failed records kept, with sensitive fields masked? The default is true.',
      }),
    ),
  },
  { ...closed, description: 'How many failed records are too many, and what is kept of them.' },
);

/** A caller says how the file is loaded. Where the file lies is the gateway's own knowledge, by the file's id. */
export const NEW_UPLOAD = Type.Object(
  {
    file: Type.String({
      pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
      description: 'The id of a file that was asked for by POST files and put since.',
    }),
    eTag: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'The ETag that the storage gave when the file was put. A file that was replaced since is refused.',
      }),
    ),
    schema: Type.String({ ...NAME, description: 'The name of the RecordSchema that says what a record is.' }),
    name: Type.Optional(
      Type.String({ ...NAME, description: 'The name of the upload; a name made from the id of the file when absent.' }),
    ),
    sourceType: Type.Optional(
      oneOf(['API', 'UI'], 'Was the file sent by a program (API), or by a person on a page (UI)? The default is API.'),
    ),
    format: Type.Optional(FORMAT),
    mode: Type.Optional(
      oneOf(
        ['Commit', 'Validate'],
        'Commit loads the records; Validate checks them and loads none. The default is Commit.',
      ),
    ),
    reload: Type.Optional(
      Type.Boolean({
        description: 'Are records loaded though the same content was loaded before? The default is false.',
      }),
    ),
    chunkRecords: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100_000, description: 'The most records of a chunk. The default is 1000.' }),
    ),
    parallelism: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 128,
        description:
          'The sessions of the database that load at the same time; a pod has up to 4 of them. The default is 4.',
      }),
    ),
    errorPolicy: Type.Optional(ERROR_POLICY),
    target: Type.Optional(
      Type.Object(
        {
          databaseSecretRef: Type.Object(
            { name: Type.String({ ...NAME, description: 'The name of the Secret, which the chart must allow.' }) },
            { ...closed, description: 'The Secret with the connection to the database.' },
          ),
        },
        { ...closed, description: 'The database that records are loaded into, when it is not that of the namespace.' },
      ),
    ),
  },
  {
    ...closed,
    description: 'An upload to be made.',
    examples: [{ file: '3f6c1d2e-8a4b-4c5d-9e7f-0123456789ab', schema: 'people' }],
  },
);
export type NewUpload = Static<typeof NEW_UPLOAD>;

const count = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));
const time = (description: string) => Type.String({ format: 'date-time', description });

const FILE = Type.Object(
  {
    id: Type.Optional(Type.String({ description: 'The id of the file, when the gateway has taken it.' })),
    name: Type.String({ description: 'The last part of the key.' }),
    bucket: Type.String({ description: 'The bucket that holds the file.' }),
    key: Type.String({ description: 'The key of the file.' }),
    sizeBytes: count('The size of the file in bytes.'),
    versionId: Type.Optional(Type.String({ description: 'The version that is loaded, in a bucket with versions.' })),
    eTag: Type.Optional(Type.String({ description: 'The ETag of the file that is loaded.' })),
  },
  { description: 'The file that is loaded.' },
);

const RECORDS = Type.Object(
  {
    total: count('The records of the file; absent until they are counted.'),
    processed: count('The records whose outcome is committed.'),
    succeeded: count('The records that were loaded, or would be by Validate.'),
    updated: count('Those of the succeeded records that took the place of a stored row.'),
    failed: count('The records that were refused.'),
    duplicate: count('The records that were left out because another one has the same key.'),
  },
  { description: 'The records by what became of them.' },
);

const CONDITION = Type.Object({
  type: Type.String({ description: 'What the condition is about.' }),
  status: Type.String({ description: 'True, False or Unknown.' }),
  reason: Type.String({ description: 'Why the condition has its status, as a word for programs.' }),
  message: Type.String({ description: 'What happened, why, and what to do.' }),
  lastTransitionTime: time('When the status of the condition last changed.'),
});

export const UPLOAD = Type.Object(
  {
    name: Type.String({ description: 'The name of the upload.' }),
    namespace: Type.String({ description: 'The namespace of the upload.' }),
    uid: Type.String({ description: 'The id of the upload, which no other upload ever has.' }),
    schema: Type.String({ description: 'The name of the RecordSchema.' }),
    file: FILE,
    sourceType: oneOf(SOURCE_TYPES, 'How the file arrived.'),
    mode: oneOf(['Commit', 'Validate'], 'Are the records loaded, or only checked?'),
    phase: oneOf(PHASES, 'Where the upload is. Programs read the conditions Complete and Failed.'),
    message: Type.Optional(Type.String({ description: 'The most important thing to know about the upload now.' })),
    records: Type.Optional(RECORDS),
    progress: Type.Optional(Type.String({ description: 'The share of processed records, such as 42%.' })),
    recordsPerSecond: Type.Optional(Type.Integer({ minimum: 0, description: 'The records processed in a second.' })),
    estimatedCompletionTime: Type.Optional(time('When the upload will be complete if the rate stays the same.')),
    topErrors: Type.Optional(
      Type.Array(
        Type.Object({
          code: Type.String({ description: 'The code of the error.' }),
          count: Type.Integer({ minimum: 0, description: 'The records whose first fault has the code.' }),
          message: Type.Optional(Type.String({ description: 'What the code means in this file.' })),
        }),
        { description: 'The most frequent errors of records.' },
      ),
    ),
    columns: Type.Optional(
      Type.Array(
        Type.Object({
          name: Type.String({ description: 'The name as the file has it; a long name is cut.' }),
          field: Type.Optional(Type.String({ description: 'The field of the schema that the column is.' })),
          ignored: Type.Optional(Type.Boolean({ description: 'True: nothing is loaded from the column.' })),
        }),
        { description: 'What became of each column of the file, when the file was read once; a long list is cut.' },
      ),
    ),
    columnsOmitted: count('The further columns of the file, for which the list has no room.'),
    conditions: Type.Array(CONDITION, { description: 'The state of the upload, for programs.' }),
    retryGeneration: Type.Integer({ minimum: 0, description: 'How often a retry was asked for.' }),
    createdBy: Type.Optional(Type.String({ description: 'The user that asked the gateway for the upload.' })),
    createdAt: time('When the upload was made.'),
    startedAt: Type.Optional(time('When the upload was accepted.')),
    completedAt: Type.Optional(time('When the upload ended as Complete, Failed or Cancelled.')),
    deletedAt: Type.Optional(time('When the deletion of the upload was asked for; it is not gone yet.')),
  },
  { description: 'An upload: a file that is loaded into a table.' },
);
export type UploadView = Static<typeof UPLOAD>;
