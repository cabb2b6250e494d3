import { PHASES } from '#page/api/phases.ts';
import { Checkbox } from '#page/app/components/checkbox.tsx';
import { Select } from '#page/app/components/select.tsx';
import { TextInput } from '#page/app/components/text-input.tsx';
import { t } from '#page/texts/language.ts';
import type { Filters } from './upload-list.ts';

export interface UploadFiltersProps {
  filters: Filters;
  /** Can the person see uploads of others? */
  hasMine: boolean;
  onChange(filters: Filters): void;
}

export function UploadFilters({ filters, hasMine, onChange }: UploadFiltersProps) {
  const set = (change: Partial<Filters>) => onChange({ ...filters, ...change });
  return (
    <search class="app-filters" aria-label={t('uploads.filters')}>
      <TextInput
        type="search"
        label={t('uploads.filter-text')}
        value={filters.text}
        onInput={(text) => set({ text })}
      />
      <Select
        label={t('uploads.filter-state')}
        value={filters.phase}
        options={[
          { value: '' as const, label: t('uploads.filter-any-state') },
          ...PHASES.map((phase) => ({ value: phase, label: t(`phase.${phase}`) })),
        ]}
        onChange={(phase) => set({ phase })}
      />
      <Select
        label={t('uploads.filter-days')}
        value={filters.days}
        options={[
          { value: '' as const, label: t('uploads.filter-any-time') },
          { value: '1' as const, label: t('uploads.filter-today') },
          { value: '7' as const, label: t('uploads.filter-week') },
          { value: '30' as const, label: t('uploads.filter-month') },
        ]}
        onChange={(days) => set({ days })}
      />
      {hasMine && (
        <Checkbox label={t('uploads.filter-mine')} isChecked={filters.mine} onChange={(mine) => set({ mine })} />
      )}
    </search>
  );
}
