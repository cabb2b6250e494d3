/** The view of a route. The wizard is fetched when somebody goes there: most people only look. */
import { session } from '#page/api/api.ts';
import { t } from '#page/texts/language.ts';
import { Template } from '#page/views/template.tsx';
import { Templates } from '#page/views/templates.tsx';
import { UploadView } from '#page/views/upload.tsx';
import { Uploads } from '#page/views/uploads.tsx';
import { Workspaces } from '#page/views/workspaces.tsx';
import { Alert } from './components/alert.tsx';
import { ButtonLink } from './components/button.tsx';
import { PageHeading } from './components/page-heading.tsx';
import { Later } from './later.tsx';
import { navigate } from './router.ts';
import { type Route, routes } from './routes.ts';
import { SignedInPage } from './signed-in-page.tsx';

export function CurrentView({ route }: { route: Route }) {
  switch (route.view) {
    case 'home':
      return <Workspaces />;
    case 'signed-in':
      return <SignedInPage />;
    case 'unknown':
      return <NotFound text={t('shell.no-such-page')} />;
    default:
      return <ViewOfNamespace route={route} />;
  }
}

function ViewOfNamespace({ route }: { route: Extract<Route, { namespace: string }> }) {
  const namespace = session.value?.namespaces.find(({ name }) => name === route.namespace);
  if (namespace === undefined) return <NotFound text={t('shell.no-such-workspace', { name: route.namespace })} />;
  switch (route.view) {
    case 'uploads':
      return <Uploads namespace={namespace} />;
    case 'upload':
      return <UploadView namespace={namespace} name={route.name} />;
    case 'templates':
      return <Templates namespace={namespace} />;
    case 'template':
      return <Template namespace={namespace} name={route.name} />;
    case 'new':
      return (
        <Later
          load={async () => (await import('#page/wizard/wizard.tsx')).Wizard}
          props={{
            namespace: namespace.name,
            onRegistered: (upload: string) => navigate(routes.upload(namespace.name, upload)),
          }}
        />
      );
    default:
      throw new Error(route satisfies never);
  }
}

function NotFound({ text }: { text: string }) {
  return (
    <div class="app-stack">
      <PageHeading title={t('shell.not-found')} />
      <Alert tone="warning">{text}</Alert>
      <div class="app-actions">
        <ButtonLink href={routes.home()}>{t('shell.to-start')}</ButtonLink>
      </div>
    </div>
  );
}
