/** An example of each body that the API takes, for its description; a test holds each against the schema of its endpoint. */

const FILE = '0b5a2f0e-6d0c-4a53-9f1e-3c1f4be5a7d2';

/** By the operationId of the endpoint. */
export const BODY_EXAMPLES: Readonly<Record<string, object>> = {
  createFile: {
    name: 'people.csv',
    size: 1048576,
    contentType: 'text/csv',
    checksum: { algorithm: 'CRC32C', value: 'yZRlqg==' },
  },
  signFileParts: { numbers: [1, 2, 3] },
  completeFile: { parts: [{ number: 1, eTag: '9b2cf535f27731c974343645a3985328' }] },
  createUpload: { file: FILE, schema: 'people', name: 'people-2025-01', errorPolicy: { maxFailedPercent: 5 } },
  putColumns: {
    header: ['id', 'Date of birth', 'Comment'],
    columns: [
      { name: 'Date of birth', field: 'birth_date' },
      { name: 'Comment', ignore: true },
    ],
  },
};
