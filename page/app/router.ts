/** Which view the address names. */
import { signal } from '@preact/signals';
import { parseRoute, type Route } from './routes.ts';

export const route = signal<Route>({ view: 'home' });
/** The part of the address behind `?`. */
export const query = signal(new URLSearchParams());

/** Is asked before another view takes the place of this one; false: the person stays. */
let mayLeave: (() => boolean) | null = null;

/** A view whose work would be lost asks the person first. @returns a function that ends this */
export function guardLeaving(ask: () => boolean): () => void {
  mayLeave = ask;
  const onUnload = (event: BeforeUnloadEvent) => event.preventDefault();
  window.addEventListener('beforeunload', onUnload);
  return () => {
    if (mayLeave === ask) mayLeave = null;
    window.removeEventListener('beforeunload', onUnload);
  };
}

/** Would a person be asked before this view is left? */
export const isGuarded = (): boolean => mayLeave !== null;

export const mayLeaveView = (): boolean => mayLeave?.() ?? true;

export function startRouter(): void {
  let shown = location.href;
  window.addEventListener('popstate', () => {
    if (!mayLeaveView()) history.pushState(null, '', shown);
    else read();
    shown = location.href;
  });
  read();
}

/** @param href a path of the page, such as `routes.uploads('team-a')` */
export function navigate(href: string, { replaces = false } = {}): void {
  if (!mayLeaveView()) return;
  if (replaces) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  read();
  if (!replaces) window.scrollTo(0, 0);
}

/** Changes the part of the address behind `?`, so that the view is the same when the page is loaded again. */
export function replaceQuery(params: URLSearchParams): void {
  const text = params.toString();
  history.replaceState(null, '', text === '' ? location.pathname : `${location.pathname}?${text}`);
  query.value = params;
}

function read(): void {
  const next = parseRoute(location.pathname);
  if (JSON.stringify(next) !== JSON.stringify(route.value)) route.value = next;
  query.value = new URLSearchParams(location.search);
}
