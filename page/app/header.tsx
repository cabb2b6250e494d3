import { session } from '#page/api/api.ts';
import { chooseLanguageOfPage, language, t } from '#page/texts/language.ts';
import { LANGUAGES, type Language } from '#page/texts/text.ts';
import { Icon } from './components/icon.tsx';
import { Select } from './components/select.tsx';
import { Link } from './link.tsx';
import { navigate, route } from './router.ts';
import { type Route, routes } from './routes.ts';
import { SignOut } from './sign-out.tsx';

export function Header() {
  const namespace = namespaceOf(route.value);
  return (
    <header class="app-header">
      <div class="app-header__bar">
        <Link href={routes.home()} class="app-title">
          <Icon name="upload" />
          {t('shell.title')}
        </Link>
        <div class="app-header__tools">
          <WorkspaceSelect namespace={namespace} />
          <LanguageSelect />
          {session.value !== null && (
            <>
              <span class="app-user">
                <span class="usa-sr-only">{t('shell.signed-in-as')} </span>
                {session.value.displayName}
              </span>
              <SignOut />
            </>
          )}
        </div>
      </div>
      {session.value !== null && namespace !== null && <Navigation namespace={namespace} />}
    </header>
  );
}

/** The namespace of the route, when the person may use it. */
function namespaceOf(current: Route): string | null {
  if (!('namespace' in current)) return null;
  return session.value?.namespaces.some(({ name }) => name === current.namespace) ? current.namespace : null;
}

/** Who has one workspace need not know that there are more. */
function WorkspaceSelect({ namespace }: { namespace: string | null }) {
  const names = session.value?.namespaces.map(({ name }) => name) ?? [];
  if (names.length < 2 || namespace === null) return null;
  return (
    <Select
      label={t('shell.workspace')}
      isLabelHidden
      value={namespace}
      options={names.map((name) => ({ value: name, label: name }))}
      onChange={(name) => navigate(routes.uploads(name))}
    />
  );
}

function LanguageSelect() {
  return (
    <Select
      label={t('shell.language')}
      isLabelHidden
      value={language.value}
      options={Object.entries(LANGUAGES).map(([value, label]) => ({ value: value as Language, label }))}
      onChange={chooseLanguageOfPage}
    />
  );
}

function Navigation({ namespace }: { namespace: string }) {
  const { view } = route.value;
  const mayUpload = session.value?.namespaces.find(({ name }) => name === namespace)?.mayUpload ?? false;
  const items = [
    { href: routes.uploads(namespace), label: t('shell.nav-uploads'), isHere: view === 'uploads' || view === 'upload' },
    ...(mayUpload ? [{ href: routes.new(namespace), label: t('shell.nav-new'), isHere: view === 'new' }] : []),
    {
      href: routes.templates(namespace),
      label: t('shell.nav-templates'),
      isHere: view === 'templates' || view === 'template',
    },
  ];
  return (
    <nav class="app-nav" aria-label={t('shell.navigation')}>
      <ul>
        {items.map(({ href, label, isHere }) => (
          <li key={href}>
            <Link href={href} class="app-nav__link" aria-current={isHere ? 'page' : undefined}>
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
