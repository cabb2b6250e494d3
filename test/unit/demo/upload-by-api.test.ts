import { describe, expect, it } from 'vitest';
import { breakOneRecord, findDifference, stepsToRegister } from '../../demo/upload-by-api.ts';

const WEATHER = 'date,weather\n2012-02-28,sun\n2012-02-29,rain\n';

describe('breakOneRecord', () => {
  it('changes one date and counts all records', () => {
    const file = 'date,weather\n2012-02-28,sun\n2012-02-30,rain\n';
    expect(breakOneRecord(WEATHER)).toEqual({ file, records: 2 });
  });

  it('refuses a file without the date', () => {
    expect(() => breakOneRecord('date,weather\n2012-02-28,sun\n')).toThrow('no record of 2012-02-29');
  });
});

describe('findDifference', () => {
  const records = { total: 2, succeeded: 1, failed: 1, duplicate: 0 };
  const errors = 'date,weather,_row,_code,_message\n2012-02-30,rain,3,VAL_002,date\n';

  it('finds none where status and file say what was sent', () => {
    expect(findDifference(2, { phase: 'Complete', records: { ...records, updated: 1 } as never }, errors)).toBe(
      undefined,
    );
  });

  it.each([
    ['another phase', { phase: 'Failed', records }, errors, 'the API says Failed'],
    ['no counts', { phase: 'Complete', records: null }, errors, 'with null'],
    ['other counts', { phase: 'Complete', records: { ...records, duplicate: 1 } }, errors, '"duplicate":1'],
    ['no failed record', { phase: 'Complete', records }, errors.split('\n')[0]!, 'has 0 lines'],
    ['another record', { phase: 'Complete', records }, errors.replace('2012-02-30', '2012-03-01'), 'of 2012-02-30'],
  ])('names %s', (_, state, file, difference) => {
    expect(findDifference(2, state, file)).toContain(difference);
  });
});

it('the lines name the gateway, the namespace, the role and the audience', () => {
  const lines = stepsToRegister({ origin: 'http://172.20.0.2:30091', namespace: 'team-a' }).flatMap(
    (step) => step.lines,
  );
  expect(lines).toContain('API=http://172.20.0.2:30091/v1/namespaces/team-a');
  expect(lines.join('\n')).toContain('--clusterrole batch-upload-uploader --serviceaccount team-a:demo-sender');
  expect(lines.join('\n')).toContain('create token demo-sender --audience batch-upload-gateway)');
});
