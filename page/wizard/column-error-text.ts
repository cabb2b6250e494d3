import { formatList } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { type ColumnError, MOST_COLUMNS, MOST_NAME_CHARACTERS } from './find-column-errors.ts';
import type { LoadedSchema } from './load-schema.ts';

/** What is wrong with the columns, and what to do, for a person. */
export function columnErrorText(error: ColumnError, header: readonly string[], schema: LoadedSchema): string {
  const list = (fields: readonly string[]) =>
    formatList(
      language.value,
      fields.map((field) => titleOf(schema, field)),
    );
  switch (error.kind) {
    case 'Twice':
      return t('wizard.columns-twice', { field: titleOf(schema, error.field), name: header[error.column]! });
    case 'SameName':
      return t('wizard.columns-same-name', { name: header[error.column]! });
    case 'Nameless':
      return t('wizard.columns-nameless-text');
    case 'LongName':
      return t('wizard.columns-long-name', {
        name: `${header[error.column]!.slice(0, 40)}…`,
        most: MOST_NAME_CHARACTERS,
      });
    case 'TooMany':
      return t('wizard.columns-too-many', { most: MOST_COLUMNS });
    case 'Missing':
      return t('wizard.columns-missing', { count: error.fields.length, fields: list(error.fields) });
    case 'Order':
      return t('wizard.columns-order', { fields: list(schema.spec.fields.map(({ name }) => name)) });
    case 'Nothing':
      return t('wizard.columns-nothing');
    default:
      throw new Error(error satisfies never);
  }
}

/** A field's name for people, with the name that stands in headers where the two differ. */
export function titleOf({ spec }: LoadedSchema, field: string): string {
  const title = spec.fields.find(({ name }) => name === field)?.title;
  return title === undefined || title === field ? field : `${title} (${field})`;
}
