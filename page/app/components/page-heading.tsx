import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface PageHeadingProps {
  /** The title of the browser's tab. */
  title: string;
  children?: ComponentChildren;
}

/** Is this the first view of the page? The browser itself reads that one from its beginning. */
let isFirst = true;

/** The heading of a view or a step. The focus goes there when the view appears, so that a screen reader reads on from there. */
export function PageHeading({ title, children }: PageHeadingProps) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!isFirst) ref.current!.focus();
    isFirst = false;
  }, []);
  useEffect(() => {
    document.title = `${title} · BatchUpload`;
  }, [title]);
  return (
    <h1 ref={ref} tabIndex={-1} class="app-heading">
      {children ?? title}
    </h1>
  );
}
