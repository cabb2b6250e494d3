/** A type of records: what a file of it must look like, and a file to fill in. */
import { useState } from 'preact/hooks';
import { apiPath } from '#page/api/client.ts';
import type { Schema, SchemaField, SessionNamespace } from '#page/api/types.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { Button, ButtonLink } from '#page/app/components/button.tsx';
import { Icon } from '#page/app/components/icon.tsx';
import { Loading } from '#page/app/components/loading.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { Table } from '#page/app/components/table.tsx';
import { Link } from '#page/app/link.tsx';
import { routes } from '#page/app/routes.ts';
import { formatList } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { describeField } from './describe-field.ts';
import { download } from './download.ts';
import { useFetched } from './use-fetched.ts';

export interface TemplateProps {
  namespace: SessionNamespace;
  name: string;
}

export function Template({ namespace, name }: TemplateProps) {
  const { data: schema, problem, reload } = useFetched<Schema>(apiPath(namespace.name, 'schemas', name));
  return (
    <div class="app-stack">
      <Link href={routes.templates(namespace.name)}>← {t('template.back')}</Link>
      <PageHeading title={name} />
      {problem !== null && <ProblemAlert heading={t('template.not-loaded')} error={problem} onRetry={reload} />}
      {schema === null && problem === null && <Loading />}
      {schema !== null && <SchemaParts schema={schema} namespace={namespace} />}
    </div>
  );
}

function SchemaParts({ schema, namespace }: { schema: Schema; namespace: SessionNamespace }) {
  return (
    <>
      {!schema.ready && (
        <Alert tone="warning" heading={t('template.not-ready')}>
          <p>{t('template.not-ready-what-to-do')}</p>
          {schema.message !== undefined && <p lang="en">{schema.message}</p>}
        </Alert>
      )}
      <div class="app-stack app-stack--close">
        <div class="app-actions">
          <GetTemplate namespace={namespace.name} name={schema.name} />
          {namespace.mayUpload && schema.ready && (
            <ButtonLink href={routes.new(namespace.name, schema.name)} variant="outline">
              <Icon name="upload" />
              {t('template.send')}
            </ButtonLink>
          )}
        </div>
        <p class="app-small">{t('template.get-hint')}</p>
      </div>
      <section class="app-card" aria-labelledby="fields">
        <h2 id="fields">{t('template.fields')}</h2>
        <Fields schema={schema} />
      </section>
      <section class="app-card" aria-labelledby="match">
        <h2 id="match">{t('template.match')}</h2>
        <p>{matchText(schema.fieldsMatch)}</p>
        <p>{t('template.match-names')}</p>
      </section>
      <Keys schema={schema} />
      <Rules schema={schema} />
    </>
  );
}

function matchText(fieldsMatch: string): string {
  switch (fieldsMatch) {
    case 'exact':
    case 'subset':
    case 'superset':
    case 'partial':
      return t(`template.match-${fieldsMatch}`);
    default:
      return t('template.match-equal');
  }
}

function GetTemplate({ namespace, name }: { namespace: string; name: string }) {
  const [problem, setProblem] = useState<unknown>(null);
  const get = () => {
    setProblem(null);
    download(apiPath(namespace, 'schemas', name, 'template.csv')).catch(setProblem);
  };
  return (
    <>
      <Button onClick={get}>
        <Icon name="download" />
        {t('template.get')}
      </Button>
      {problem !== null && <ProblemAlert heading={t('template.get-refused')} error={problem} />}
    </>
  );
}

/** Titles, descriptions and rules are the words of who has made the schema, in a language that nobody says. */
function Fields({ schema: { fields, primaryKey } }: { schema: Schema }) {
  return (
    <Table
      caption={t('template.fields')}
      isCaptionHidden
      columns={[
        { heading: t('template.column-field'), isRowHeader: true, cell: (field) => <FieldName field={field} /> },
        {
          heading: t('template.column-needed'),
          cell: ({ name, required }) => (
            <div>
              {t(required ? 'template.needed' : 'template.not-needed')}
              {primaryKey.includes(name) && <div class="app-small">{t('template.key')}</div>}
            </div>
          ),
        },
        { heading: t('template.column-value'), cell: (field) => <FieldValue field={field} /> },
      ]}
      rows={fields}
      keyOf={({ name }) => name}
    />
  );
}

function FieldName({ field: { name, title, description } }: { field: SchemaField }) {
  return (
    <div>
      <strong>{name}</strong>
      {title !== undefined && title !== name && (
        <div lang="" class="app-small">
          {title}
        </div>
      )}
      {description !== undefined && (
        <div lang="" class="app-small">
          {description}
        </div>
      )}
    </div>
  );
}

function FieldValue({ field }: { field: SchemaField }) {
  const pattern = field.constraints?.pattern;
  return (
    <div>
      {describeField(field, language.value).join(' ')}
      {pattern !== undefined && (
        <div>
          {t('limit.pattern')} <code>{pattern}</code>
        </div>
      )}
      {field.sensitive && <div class="app-small">{t('template.sensitive')}</div>}
    </div>
  );
}

function Keys({ schema: { primaryKey, onDuplicate } }: { schema: Schema }) {
  return (
    <section class="app-card" aria-labelledby="keys">
      <h2 id="keys">{t('template.duplicates')}</h2>
      {primaryKey.length === 0 ? (
        <p>{t('template.no-key')}</p>
      ) : (
        <>
          <p>{t('template.key-fields', { fields: formatList(language.value, primaryKey) })}</p>
          <p>{t(`template.on-duplicate-${readPolicy(onDuplicate)}`)}</p>
        </>
      )}
    </section>
  );
}

const readPolicy = (word: string) => (word === 'Update' || word === 'Fail' ? word : 'Skip');

function Rules({ schema: { rules } }: { schema: Schema }) {
  if (rules.length === 0) return null;
  return (
    <section class="app-card" aria-labelledby="rules">
      <h2 id="rules">{t('template.rules')}</h2>
      <ul class="usa-list">
        {rules.map(({ code, message }) => (
          <li key={`${code} ${message}`} lang="">
            {message}
          </li>
        ))}
      </ul>
    </section>
  );
}
