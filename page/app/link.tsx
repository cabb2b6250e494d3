import type { ComponentChildren } from 'preact';
import { navigate } from './router.ts';

export interface LinkProps {
  /** A path of the page. */
  href: string;
  class?: string;
  'aria-current'?: 'page' | undefined;
  children: ComponentChildren;
}

/** A link to another view. With a key held, the browser opens a tab, as it does with every link. */
export function Link({ href, class: className = 'usa-link', children, ...rest }: LinkProps) {
  return (
    <a
      {...rest}
      href={href}
      class={className}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        navigate(href);
      }}
    >
      {children}
    </a>
  );
}
