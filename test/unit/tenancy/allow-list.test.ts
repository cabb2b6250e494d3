import { expect, it } from 'vitest';
import { checkServiceAccount } from '#operator/tenancy/allow-list.ts';

const ALLOWED = ['batch-upload-runner', 'loader'];
const asking = (serviceAccountName: string) => ({ podTemplate: { spec: { serviceAccountName } } });

it.each([
  ['no template', {}],
  ['a template without an account', { podTemplate: { metadata: {}, spec: {} } }],
  ['the account of the chart', asking('batch-upload-runner')],
  ['an account of the list', asking('loader')],
])('%s is allowed', (_what, spec) => {
  expect(checkServiceAccount(spec, ALLOWED)).toBeNull();
});

it.each(['default', 'admin', 'loader2', ''])('the account "%s" is not', (name) => {
  expect(checkServiceAccount(asking(name), ALLOWED)).toMatchObject({
    reason: 'ServiceAccountNotAllowed',
    message: expect.stringMatching(/Add it to the chart's value uploads\.serviceAccountNames, or leave .* out\.$/),
  });
});
