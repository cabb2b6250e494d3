/** The bodies of the endpoints of files, for validation, for the document of the API and for types. */
import { type Static, Type } from 'typebox';
import { KEPT_HOURS } from '#ledger/gateway/files.ts';
import { CHECKSUMS, type ChecksumAlgorithm } from './checksums.ts';
import { MAX_NAME_BYTES } from './file-name.ts';
import { MAX_FILE_BYTES, MAX_PARTS } from './parts.ts';

/** The largest number of parts whose URLs are signed by one request. */
export const MAX_PARTS_AT_ONCE = 100;

/** The media type of a file of which its sender says none. */
export const DEFAULT_TYPE = 'application/octet-stream';

const strict = { additionalProperties: false };
const time = (description: string) => Type.String({ format: 'date-time', description });
const partNumber = (description: string) => Type.Integer({ minimum: 1, maximum: MAX_PARTS, description });

export const NamespaceParams = Type.Object({
  namespace: Type.String({ description: 'The namespace of the upload.' }),
});

export const FileParams = Type.Object({
  namespace: Type.String({ description: 'The namespace of the upload.' }),
  id: Type.String({
    pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    description: 'The id of the file, from the answer that gave its place.',
  }),
});

const Checksum = Type.Object(
  {
    algorithm: Type.Enum(Object.keys(CHECKSUMS) as ChecksumAlgorithm[], {
      description: 'A file above 100 MB is put in parts and takes CRC64NVME, CRC32 or CRC32C.',
    }),
    value: Type.String({ maxLength: 64, description: 'The checksum of the whole file, as base64 of its bytes.' }),
  },
  { ...strict, description: 'A checksum that the storage compares with what it gets.' },
);

export const NewFile = Type.Object(
  {
    name: Type.String({
      description: `The name of the file: ${MAX_NAME_BYTES} bytes of UTF-8 at most, without folders, control characters, < > and ", and not beginning with a dot or with = + - @. The name is kept as it is.`,
    }),
    size: Type.Integer({ minimum: 0, maximum: MAX_FILE_BYTES, description: 'Bytes of the file.' }),
    contentType: Type.Optional(
      Type.String({
        default: DEFAULT_TYPE,
        maxLength: 127,
        pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?[A-Za-z0-9-]+=[A-Za-z0-9_.+-]+)*$',
        description: 'The media type with which the storage keeps the file.',
      }),
    ),
    checksum: Type.Optional(Checksum),
  },
  strict,
);

const Headers = Type.Record(Type.String(), Type.String(), {
  description: 'The headers that the request must have, with exactly these values: they are signed.',
});
const Put = Type.Object(
  {
    method: Type.Literal('PUT'),
    url: Type.String({ description: 'Whoever has the URL can put the file: treat it like a password.' }),
    headers: Headers,
    expiresAt: time('The request must begin before this time.'),
  },
  { description: 'One PUT of the whole file. It fails where the file was already put.' },
);
const Form = Type.Object(
  {
    url: Type.String({ description: 'The action of the form.' }),
    fields: Type.Record(Type.String(), Type.String(), {
      description: 'The fields that the form must have before its field `file`, in any order.',
    }),
    expiresAt: time('The form must be sent before this time.'),
  },
  { description: 'A form of the type multipart/form-data, for pages without a script.' },
);
const Multipart = Type.Object(
  {
    partSize: Type.Integer({ description: 'Bytes of every part but the last, which has the rest of the file.' }),
    parts: Type.Integer({ description: 'The number of parts.' }),
    partsAtOnce: Type.Integer({ description: 'The largest number of parts whose URLs one request signs.' }),
  },
  { description: 'How the file is cut into parts. POST …/parts signs their URLs.' },
);

export const FileAnswer = Type.Object({
  id: Type.String({ description: 'What a registration names.' }),
  name: Type.String(),
  key: Type.String({ description: 'The key of the object in the bucket.' }),
  bucket: Type.String(),
  size: Type.Integer({ description: 'Bytes.' }),
  contentType: Type.String(),
  checksum: Type.Optional(Checksum),
  state: Type.Enum(['Open', 'Registered', 'Abandoned', 'Removed'], {
    description: 'Only a file that is Open can be put and registered.',
  }),
  uploadName: Type.Optional(Type.String({ description: 'The upload that loads the file.' })),
  createdAt: time('When the place was asked for.'),
  expiresAt: time(`What is not registered by then is removed: ${KEPT_HOURS} hours after the place was asked for.`),
  put: Type.Optional(Put),
  form: Type.Optional(Form),
  multipart: Type.Optional(Multipart),
});
export type FileAnswer = Static<typeof FileAnswer>;

export const PartNumbers = Type.Object(
  {
    numbers: Type.Array(partNumber('The number of a part, from 1 on.'), {
      minItems: 1,
      maxItems: MAX_PARTS_AT_ONCE,
      uniqueItems: true,
    }),
    checksums: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        description:
          "The checksums of these parts, in the order of `numbers`, by the algorithm of the file's own checksum: the storage then refuses a part that was cut or changed on its way.",
      }),
    ),
  },
  strict,
);

export const SignedParts = Type.Object({
  parts: Type.Array(
    Type.Object({
      number: Type.Integer(),
      method: Type.Literal('PUT'),
      url: Type.String(),
      headers: Headers,
    }),
  ),
  expiresAt: time('The requests must begin before this time. Ask again for parts that are put later.'),
});

export const PartsQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,5}$',
        description: 'Lists parts after this number: `next` of the page before.',
      }),
    ),
  },
  strict,
);

export const StoredParts = Type.Object({
  parts: Type.Array(
    Type.Object({
      number: Type.Integer(),
      size: Type.Integer({ description: 'Bytes.' }),
      eTag: Type.String({ description: 'The ETag without quotes.' }),
    }),
  ),
  next: Type.Union([Type.Integer(), Type.Null()], { description: 'For the next page; null on the last page.' }),
});

export const Completion = Type.Object(
  {
    parts: Type.Optional(
      Type.Array(
        Type.Object({ number: partNumber('The number of the part.'), eTag: Type.String({ maxLength: 128 }) }, strict),
        {
          maxItems: MAX_PARTS,
          description:
            'The parts with the ETags of their answers. When absent, the parts that the storage has are taken.',
        },
      ),
    ),
  },
  strict,
);

export const StoredFile = Type.Object({
  id: Type.String(),
  size: Type.Integer({ description: 'Bytes.' }),
  eTag: Type.String({ description: 'The ETag of the object without quotes, which a registration can name.' }),
  versionId: Type.Union([Type.String(), Type.Null()], { description: 'Null in a bucket without versions.' }),
});

export const StorageAnswer = Type.Object({
  bucket: Type.String(),
  prefix: Type.String({ description: 'What stands before the id of a file in its key.' }),
  onePutBytes: Type.Integer({ description: 'A file above this size is put in parts.' }),
  pages: Type.Object(
    {
      status: Type.Enum(['NotNeeded', 'Allowed', 'Refused', 'Unknown']),
      message: Type.String(),
    },
    { description: "Whether web pages of the configured origins may put files, by the bucket's CORS rules." },
  ),
});
