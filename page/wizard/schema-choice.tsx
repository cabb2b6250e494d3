/** What the records of the file are: a schema, suggested by the header. */
import { useEffect, useState } from 'preact/hooks';
import { Alert } from '#page/app/components/alert.tsx';
import { Button } from '#page/app/components/button.tsx';
import { Loading } from '#page/app/components/loading.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { Select } from '#page/app/components/select.tsx';
import { t } from '#page/texts/language.ts';
import { loadSchemas } from './load-schemas.ts';
import { type RankedSchema, rankSchemas, suggestSchema } from './suggest-schema.ts';

export interface SchemaChoiceProps {
  namespace: string;
  header: readonly string[];
  chosen: string | null;
  onGoOn(schema: string): void;
}

type Found = { ranked: RankedSchema[]; suggested: string | null } | { error: unknown };

export function SchemaChoice({ namespace, header, chosen, onGoOn }: SchemaChoiceProps) {
  const [found, setFound] = useState<Found | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const over = new AbortController();
    setFound(null);
    loadSchemas(namespace, over.signal).then(
      ({ names, details }) => {
        const ranked = rankSchemas(header, names, details);
        setFound({ ranked, suggested: suggestSchema(ranked) });
      },
      (error: unknown) => over.signal.aborted || setFound({ error }),
    );
    return () => over.abort();
  }, [namespace, header, tries]);
  if (found === null) return <Loading />;
  if ('error' in found) {
    return (
      <ProblemAlert
        heading={t('wizard.schemas-failed')}
        error={found.error}
        onRetry={() => setTries((before) => before + 1)}
      />
    );
  }
  if (found.ranked.length === 0) {
    return (
      <Alert tone="warning" live="polite">
        {t('wizard.schemas-empty')}
      </Alert>
    );
  }
  return <Choice {...found} header={header} chosen={chosen} onGoOn={onGoOn} />;
}

interface ChoiceProps extends Pick<SchemaChoiceProps, 'header' | 'chosen' | 'onGoOn'> {
  ranked: RankedSchema[];
  suggested: string | null;
}

function Choice({ ranked, suggested, header, chosen, onGoOn }: ChoiceProps) {
  const known = ranked.some(({ name }) => name === chosen) ? chosen : null;
  const [value, setValue] = useState(known ?? suggested ?? '');
  const [error, setError] = useState<string | undefined>(undefined);
  const options = [
    ...(value === '' ? [{ value: '', label: t('wizard.schema-choose') }] : []),
    ...ranked.map((schema) => ({ value: schema.name, label: labelOf(schema, header.length) })),
  ];
  const goOn = () => {
    const schema = ranked.find(({ name }) => name === value);
    if (schema === undefined) setError(t('wizard.schema-missing'));
    else if (!schema.isReady) setError(t('wizard.schema-not-ready-text'));
    else return onGoOn(value);
    document.getElementById('wizard-schema')?.focus();
  };
  return (
    <>
      <Select
        id="wizard-schema"
        label={t('wizard.schema-label')}
        hint={
          suggested !== null && value === suggested && ranked.length > 1
            ? t('wizard.schema-suggested', { name: suggested })
            : t('wizard.schema-hint')
        }
        {...(error === undefined ? {} : { error })}
        value={value}
        options={options}
        onChange={(next) => {
          setError(undefined);
          setValue(next);
        }}
      />
      <div class="app-actions">
        <Button onClick={goOn}>{t('wizard.go-on')}</Button>
      </div>
    </>
  );
}

function labelOf({ name, isReady, matched, fits }: RankedSchema, columns: number): string {
  if (!isReady) return t('wizard.schema-not-ready', { name });
  if (fits) return t('wizard.schema-fits', { name });
  if (matched === null) return name;
  return matched === 0
    ? t('wizard.schema-none', { name })
    : t('wizard.schema-partly', { name, count: matched, columns });
}
