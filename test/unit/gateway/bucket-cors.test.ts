import { describe, expect, it } from 'vitest';
import { corsConfiguration, findMissingCors } from '#operator/gateway/files/bucket-cors.ts';

const ORIGINS = ['https://pages.example.com', 'http://localhost:8080'];
const rule = corsConfiguration(ORIGINS).CORSRules[0]!;

describe('pages may put files', () => {
  it.each([
    ['with the rules that are printed', rule],
    ['with rules for all', { ...rule, AllowedOrigins: ['*'], AllowedHeaders: ['*'] }],
    ['with wildcards', { ...rule, AllowedOrigins: ['https://*.example.com', 'http://localhost:*'] }],
    ['in any spelling of the headers', { ...rule, AllowedHeaders: ['Content-Type', 'If-None-Match', 'X-Amz-*'] }],
  ])('%s', (_, cors) => {
    expect(findMissingCors(ORIGINS, [cors])).toBeNull();
  });
});

describe('pages may not put files', () => {
  it.each([
    ['without rules', [], /PUT .* https:\/\/pages/],
    ['of another origin', [{ ...rule, AllowedOrigins: ['http://localhost:8080'] }], /https:\/\/pages/],
    ['of a longer origin', [{ ...rule, AllowedOrigins: ['https://pages.example.com.evil.org'] }], /https:\/\/pages/],
    ['without a method', [{ ...rule, AllowedMethods: ['PUT', 'GET'] }], /method POST/],
    ['without a header', [{ ...rule, AllowedHeaders: ['content-type'] }], /header if-none-match/],
    ['without the ETag', [{ ...rule, ExposeHeaders: [] }], /expose the header ETag/],
    ['where an earlier rule fits', [{ ...rule, ExposeHeaders: [] }, rule], /expose the header ETag/],
  ])('%s', (_, rules, missing) => {
    expect(findMissingCors(ORIGINS, rules as never)).toMatch(missing);
  });
});
