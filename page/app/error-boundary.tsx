import { Component, type ComponentChildren } from 'preact';
import { t } from '#page/texts/language.ts';
import { Alert } from './components/alert.tsx';
import { Button } from './components/button.tsx';
import { PageHeading } from './components/page-heading.tsx';
import { route } from './router.ts';

interface State {
  error: unknown;
  /** The address at which the error happened. */
  at: unknown;
}

/** A defect of a view takes the place of that view alone: the frame stays, and another view can be opened. */
export class ErrorBoundary extends Component<{ children: ComponentChildren }, State> {
  override state: State = { error: null, at: null };

  static override getDerivedStateFromError(error: unknown): State {
    return { error, at: route.peek() };
  }

  override render() {
    const { error, at } = this.state;
    if (error === null || at !== route.value) return this.props.children;
    return (
      <div class="app-stack">
        <PageHeading title={t('shell.defect')} />
        <Alert tone="error" live="assertive">
          <p>{t('shell.defect-what-to-do')}</p>
          <p>
            <Button onClick={() => location.reload()}>{t('shell.reload')}</Button>
          </p>
          <details class="app-details">
            <summary>{t('shell.technical')}</summary>
            <pre class="app-record">{error instanceof Error ? (error.stack ?? error.message) : String(error)}</pre>
          </details>
        </Alert>
      </div>
    );
  }
}
