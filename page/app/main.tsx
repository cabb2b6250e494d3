/** The staff page. */
import { render } from 'preact';
import { text } from '#page/texts/text.ts';

render(<h1>{text('shell.title')}</h1>, document.getElementById('app')!);
