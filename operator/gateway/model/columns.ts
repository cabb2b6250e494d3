/** The columns of a file as requests name them. */
import { Type } from 'typebox';

export const MOST_COLUMNS = 1000;
export const MOST_NAME_CHARACTERS = 1024;

export const COLUMNS = Type.Array(
  Type.Object(
    {
      name: Type.String({
        minLength: 1,
        maxLength: MOST_NAME_CHARACTERS,
        description: 'The name in the header of the file.',
      }),
      field: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'The field of the schema.' })),
      ignore: Type.Optional(Type.Literal(true, { description: 'Nothing is loaded from the column.' })),
    },
    { additionalProperties: false },
  ),
  {
    maxItems: MOST_COLUMNS,
    description:
      'Which field a column is, where its name does not say it: each has either field or ignore. What is said here wins over names and aliases.',
  },
);
