import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '#page/texts/language.ts';
import { Alert } from './components/alert.tsx';
import { Button } from './components/button.tsx';
import { Loading } from './components/loading.tsx';
import { PageHeading } from './components/page-heading.tsx';

export interface LaterProps<Props extends object> {
  /** Fetches the component. */
  load(): Promise<ComponentType<Props>>;
  props: Props;
}

/** A component whose code is fetched when it is first shown. */
export function Later<Props extends object>({ load, props }: LaterProps<Props>) {
  const [Component, setComponent] = useState<ComponentType<Props> | null>(null);
  const [isMissing, setMissing] = useState(false);
  useEffect(() => {
    load().then(
      (loaded) => setComponent(() => loaded),
      () => setMissing(true),
    );
  }, []);
  if (Component !== null) return <Component {...props} />;
  if (!isMissing) return <Loading />;
  return (
    <div class="app-stack">
      <PageHeading title={t('shell.no-code')} />
      <Alert tone="error" live="assertive">
        <p>{t('shell.no-code-why')}</p>
        <p>
          <Button onClick={() => location.reload()}>{t('shell.reload')}</Button>
        </p>
      </Alert>
    </div>
  );
}
