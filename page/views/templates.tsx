/** The types of records of a namespace. */
import { apiPath } from '#page/api/client.ts';
import type { SchemaName, SessionNamespace } from '#page/api/types.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { Loading } from '#page/app/components/loading.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { Link } from '#page/app/link.tsx';
import { routes } from '#page/app/routes.ts';
import { t } from '#page/texts/language.ts';
import { useFetched } from './use-fetched.ts';

export function Templates({ namespace }: { namespace: SessionNamespace }) {
  const { data, problem, reload } = useFetched<{ items: SchemaName[] }>(apiPath(namespace.name, 'schemas'));
  return (
    <div class="app-stack">
      <PageHeading title={t('templates.heading')} />
      <p class="app-lead">{t('templates.lead')}</p>
      {problem !== null && <ProblemAlert heading={t('templates.not-loaded')} error={problem} onRetry={reload} />}
      {data === null && problem === null && <Loading />}
      {data?.items.length === 0 && (
        <Alert tone="info" heading={t('templates.none')}>
          {t('templates.none-what-to-do')}
        </Alert>
      )}
      {data !== null && data.items.length > 0 && <List items={data.items} namespace={namespace.name} />}
    </div>
  );
}

function List({ items, namespace }: { items: SchemaName[]; namespace: string }) {
  return (
    <div class="app-card">
      <ul class="app-list">
        {items.map(({ name, ready }) => (
          <li key={name} class="app-top">
            <Link href={routes.template(namespace, name)} class="usa-link app-strong">
              {name}
            </Link>
            {!ready && <span class="app-tag app-tag--warning app-tag--plain">{t('templates.not-ready')}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
