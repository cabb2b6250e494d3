import { t } from '#page/texts/language.ts';

/** Stands where something will be that is being fetched. */
export function Loading() {
  return (
    <p class="app-loading" role="status">
      <span class="app-loading__mark" aria-hidden="true" />
      {t('shell.loading')}
    </p>
  );
}
