/** What the check has found: faults by code with rows, equal keys, and what only the database can say. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Alert } from '#page/app/components/alert.tsx';
import type { CheckSummary, CodeSummary, OpenQuestion, RepeatedKeys } from '#page/check/protocol.ts';
import { formatList, formatNumber } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { explainCode } from '#page/views/explain-code.ts';

export interface CheckResultProps {
  summary: CheckSummary;
  onDuplicate: RecordSchemaSpec['target']['onDuplicate'];
}

export function CheckResult({ summary, onDuplicate }: CheckResultProps) {
  const { codes, repeatedKeys, open } = summary;
  return (
    <>
      <Verdict summary={summary} />
      {codes.length > 0 && (
        <section class="app-card" aria-labelledby="wizard-codes">
          <h2 id="wizard-codes">{t('wizard.codes-heading')}</h2>
          <ul class="app-list">
            {codes.map((code) => (
              <Code key={code.code} code={code} />
            ))}
          </ul>
        </section>
      )}
      {repeatedKeys !== null && repeatedKeys.records > 0 && <Repeated keys={repeatedKeys} onDuplicate={onDuplicate} />}
      {open.length > 0 && summary.records > 0 && <Open questions={open} />}
    </>
  );
}

function Verdict({ summary: { records, failed, complete } }: { summary: CheckSummary }) {
  if (records === 0 && complete) {
    return (
      <Alert tone="error" heading={t('wizard.result-none')}>
        <p>{t('wizard.result-none-text')}</p>
      </Alert>
    );
  }
  if (failed === 0) {
    return (
      <Alert tone="success" heading={t('wizard.result-good')}>
        <p>{t(complete ? 'wizard.result-good-all' : 'wizard.result-good-part', { count: records })}</p>
      </Alert>
    );
  }
  return (
    <Alert tone="warning" heading={t('wizard.result-bad', { count: failed })}>
      <p>{t(complete ? 'wizard.result-bad-all' : 'wizard.result-bad-part', { records })}</p>
      <p>{t('wizard.result-bad-do')}</p>
    </Alert>
  );
}

/** What a code means, in words for a clerk; a code of the schema says it in its samples. */
function Code({ code: { code, count, samples } }: { code: CodeSummary }) {
  const message = samples[0]?.message ?? null;
  const { what, mend, isForeign } = explainCode({ code, message }, language.value);
  return (
    <li class="app-stack app-stack--close">
      <div class="app-top">
        <h3 lang={isForeign ? '' : undefined}>{what}</h3>
        <span class="app-tag app-tag--error app-tag--plain">{t('wizard.codes-count', { count })}</span>
      </div>
      <p>{mend}</p>
      <ul class="usa-list">
        {samples.map((fault) => (
          <li key={`${fault.rowNumber} ${fault.field ?? ''}`} lang="en">
            {t('wizard.codes-row', { row: fault.rowNumber, message: fault.message })}
          </li>
        ))}
      </ul>
      {count > samples.length && <p class="app-small">{t('wizard.codes-more')}</p>}
      <p class="app-small">{t('faults.code', { code })}</p>
    </li>
  );
}

const BECOME = {
  Skip: 'wizard.repeated-skip',
  Update: 'wizard.repeated-update',
  Fail: 'wizard.repeated-fail',
} as const;

function Repeated({ keys, onDuplicate }: { keys: RepeatedKeys; onDuplicate: CheckResultProps['onDuplicate'] }) {
  const { records, firstRows, complete } = keys;
  const rows = formatList(
    language.value,
    firstRows.map((row) => formatNumber(language.value, row)),
  );
  return (
    <section class="app-stack app-stack--close">
      <h2>{t('wizard.repeated-heading')}</h2>
      <p>{t('wizard.repeated-text', { count: records, rows })}</p>
      <p>{t(BECOME[onDuplicate ?? 'Skip'])}</p>
      {!complete && <p>{t('wizard.repeated-incomplete')}</p>}
    </section>
  );
}

const QUESTIONS = {
  storedKeys: 'wizard.open-stored-keys',
  tableRules: 'wizard.open-table-rules',
  columnTypes: 'wizard.open-column-types',
} as const satisfies Record<OpenQuestion, string>;

function Open({ questions }: { questions: readonly OpenQuestion[] }) {
  return (
    <section class="app-stack app-stack--close">
      <h2>{t('wizard.open-heading')}</h2>
      <ul class="usa-list">
        {questions.map((question) => (
          <li key={question}>{t(QUESTIONS[question])}</li>
        ))}
      </ul>
    </section>
  );
}
