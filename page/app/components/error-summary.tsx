import { useEffect, useRef } from 'preact/hooks';
import { Alert } from './alert.tsx';

export interface ErrorSummaryProps {
  heading: string;
  /** Each error with the id of the field that it is about. */
  errors: readonly { text: string; fieldId: string }[];
}

/** All errors of a form above it, each a link to its field. The focus goes there, so that nobody searches for an error. */
export function ErrorSummary({ heading, errors }: ErrorSummaryProps) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => ref.current?.focus(), [errors]);
  return (
    <div ref={ref} tabIndex={-1}>
      <Alert tone="error" heading={heading} live="assertive">
        <ul class="usa-list">
          {errors.map(({ text, fieldId }) => (
            <li key={fieldId}>
              <a
                class="usa-link"
                href={`#${fieldId}`}
                onClick={(event) => {
                  event.preventDefault();
                  document.getElementById(fieldId)?.focus();
                }}
              >
                {text}
              </a>
            </li>
          ))}
        </ul>
      </Alert>
    </div>
  );
}
