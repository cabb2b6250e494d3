/** The staff page. */
import { render } from 'preact';
import { startLanguage, t } from '#page/texts/language.ts';

startLanguage();
render(<h1>{t('shell.title')}</h1>, document.getElementById('app')!);
