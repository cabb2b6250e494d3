import { useEffect } from 'preact/hooks';
import { session } from '#page/api/api.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { Link } from '#page/app/link.tsx';
import { navigate } from '#page/app/router.ts';
import { routes } from '#page/app/routes.ts';
import { t } from '#page/texts/language.ts';

/** The start: a person with one workspace goes there at once. */
export function Workspaces() {
  const { namespaces, user } = session.value!;
  const only = namespaces.length === 1 ? namespaces[0]! : null;
  useEffect(() => {
    if (only !== null) navigate(routes.uploads(only.name), { replaces: true });
  }, [only]);
  if (only !== null) return null;
  if (namespaces.length === 0) {
    return (
      <div class="app-stack">
        <PageHeading title={t('workspaces.none')} />
        <Alert tone="warning">{t('workspaces.none-what-to-do', { user })}</Alert>
      </div>
    );
  }
  return (
    <div class="app-stack">
      <PageHeading title={t('workspaces.heading')} />
      <p class="app-lead">{t('workspaces.lead')}</p>
      <ul class="app-card app-list">
        {namespaces.map(({ name, mayUpload }) => (
          <li key={name}>
            <h2>
              <Link href={routes.uploads(name)}>{name}</Link>
            </h2>
            <p class="app-small">{t(mayUpload ? 'workspaces.may-upload' : 'workspaces.may-look')}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
