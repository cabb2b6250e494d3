/** The staff page. */
import { render } from 'preact';
import { startLanguage } from '#page/texts/language.ts';
import { App } from './app.tsx';
import { startRouter } from './router.ts';

startLanguage();
startRouter();
render(<App />, document.getElementById('app')!);
