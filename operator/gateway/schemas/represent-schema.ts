/** A RecordSchema as the API shows it: what a sender of files must know. The table stays out of it. Pure. */
import { type Static, Type } from 'typebox';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { RecordSchema } from '#kube/custom-resources.ts';

const text = (description: string) => Type.Optional(Type.String({ description }));
const flag = (description: string) => Type.Optional(Type.Boolean({ description }));
const length = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));
const texts = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));

const CONSTRAINTS = Type.Object(
  {
    enum: texts('The only values that are allowed.'),
    pattern: text('The regular expression (RE2) that a value must match.'),
    minLength: length('The least number of characters.'),
    maxLength: length('The greatest number of characters.'),
    minimum: text('The least value.'),
    maximum: text('The greatest value.'),
    exclusiveMinimum: text('Every value is greater than this one.'),
    exclusiveMaximum: text('Every value is less than this one.'),
  },
  { description: 'What every value of the field must meet.' },
);

const FIELD = Type.Object({
  name: Type.String({ description: 'The name in the header; letter case, spaces, _ and - do not matter.' }),
  title: text('A name for people.'),
  description: text('What the field means.'),
  type: Type.String({ description: 'The type of the values, in the words of the Frictionless Table Schema.' }),
  format: text('How values are written; the default of the type when absent.'),
  decimalChar: text('The character before the fraction of a number.'),
  groupChar: text('The character between the thousands of a number.'),
  bareNumber: flag('False: a unit may stand beside the number.'),
  trueValues: texts('The texts that mean true.'),
  falseValues: texts('The texts that mean false.'),
  required: Type.Boolean({ description: 'Must every record have a value?' }),
  constraints: Type.Optional(CONSTRAINTS),
  missingValues: texts('Texts that mean that there is no value.'),
  aliases: texts('Other names that the header may have.'),
  sensitive: Type.Boolean({ description: 'Are the values masked wherever people see records?' }),
});

const ABOUT = {
  name: Type.String({ description: 'The name of the RecordSchema.' }),
  ready: Type.Boolean({ description: 'Can the schema be used, as far as the operator has found?' }),
  message: text('What is wrong with a schema that is not ready.'),
};

export const SCHEMA_LIST = Type.Object(
  { items: Type.Array(Type.Object(ABOUT), { description: 'The schemas by name.' }) },
  { description: 'The schemas of a namespace.' },
);

export const SCHEMA = Type.Object(
  {
    ...ABOUT,
    fields: Type.Array(FIELD, { description: 'The fields of a record.' }),
    fieldsMatch: Type.String({
      description:
        'How the header must match the fields: exact (all, in this order), equal (all, in any order), subset (all, and others), superset (only those that are required, and no others) or partial.',
    }),
    missingValues: texts('Texts that mean in every field that there is no value, as a blank cell does.'),
    primaryKey: Type.Array(Type.String(), {
      description: 'The fields that identify a record together; none: records have no key, and each is added.',
    }),
    onDuplicate: Type.String({
      description: 'What becomes of a record whose key is stored already: Skip, Update or Fail.',
    }),
    rules: Type.Array(
      Type.Object({
        code: Type.String({ description: 'The code of a record that breaks the rule.' }),
        message: Type.String({ description: 'What must hold.' }),
      }),
      { description: 'Rules over several fields.' },
    ),
  },
  { description: 'What a file must look like.' },
);

export function representSchemaName({ metadata, status }: RecordSchema): Static<typeof SCHEMA_LIST>['items'][number] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const isReady = ready?.status === 'True';
  return { name: metadata.name, ready: isReady, ...(ready && !isReady ? { message: ready.message } : {}) };
}

export function representSchema(schema: RecordSchema): Static<typeof SCHEMA> {
  const { fields, fieldsMatch, missingValues, primaryKey = [], rules = [], target } = schema.spec;
  return {
    ...representSchemaName(schema),
    fields: fields.map((field) => representField(field, primaryKey)),
    fieldsMatch: fieldsMatch ?? 'equal',
    ...(missingValues ? { missingValues } : {}),
    primaryKey,
    onDuplicate: target.onDuplicate ?? 'Skip',
    rules: rules.map(({ code, message }) => ({ code, message })),
  };
}

function representField(
  { constraints, code: _code, sensitive = false, ...field }: RecordSchemaSpec['fields'][number],
  primaryKey: readonly string[],
): Static<typeof FIELD> {
  const { required = false, ...limits } = constraints ?? {};
  return {
    ...field,
    required: required || primaryKey.includes(field.name),
    ...(Object.keys(limits).length > 0 ? { constraints: limits } : {}),
    sensitive,
  };
}
