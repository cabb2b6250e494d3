import { ProblemError } from '#page/api/problem-error.ts';
import { formatNumber } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { Alert } from './alert.tsx';
import { Button } from './button.tsx';

export interface ProblemAlertProps {
  /** What could not be done. */
  heading: string;
  error: unknown;
  onRetry?: () => void;
}

/** Why a request was refused, and what to do, in the person's language; the gateway's own words stand below. */
export function ProblemAlert({ heading, error, onRetry }: ProblemAlertProps) {
  const problem = error instanceof ProblemError ? error : null;
  return (
    <Alert tone="error" heading={heading} live="assertive">
      <p>{t(`problem.${problem?.type ?? 'internal'}`)}</p>
      {problem?.retryAfterSeconds != null && <p>{t('problem.wait', { count: problem.retryAfterSeconds })}</p>}
      {problem !== null && problem.detail !== '' && <ProblemDetails problem={problem} />}
      {onRetry !== undefined && (
        <p>
          <Button variant="outline" onClick={onRetry}>
            {t('shell.try-again')}
          </Button>
        </p>
      )}
    </Alert>
  );
}

function ProblemDetails({ problem: { detail, errors, status } }: { problem: ProblemError }) {
  return (
    <details class="app-details">
      <summary>{t('problem.details')}</summary>
      <p lang="en">
        {detail} ({formatNumber(language.value, status)})
      </p>
      {errors.length > 0 && (
        <ul class="usa-list" lang="en">
          {errors.map(({ pointer, parameter, header, detail: why }) => (
            <li key={`${pointer ?? parameter ?? header ?? ''} ${why}`}>{why}</li>
          ))}
        </ul>
      )}
    </details>
  );
}
