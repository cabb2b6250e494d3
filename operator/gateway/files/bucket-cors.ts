/** The CORS rules with which web pages may put files into a bucket. Pure. */
import type { CORSRule } from '@aws-sdk/client-s3';
import { CHECKSUMS, checksumHeader } from './checksums.ts';

/** PUT for a whole file or a part, POST for a form, GET for what a page reads itself. */
const METHODS = ['PUT', 'POST', 'GET'];
const CHECKSUM_HEADERS = Object.keys(CHECKSUMS).map(checksumHeader);
const REQUEST_HEADERS = ['content-type', 'if-none-match', ...CHECKSUM_HEADERS];
/** A page needs the ETag to complete a multipart upload. S3 allows no wildcard here. */
const ANSWER_HEADERS = ['ETag', ...CHECKSUM_HEADERS];

/** What `aws s3api put-bucket-cors --cors-configuration` takes. */
export function corsConfiguration(origins: readonly string[]): { CORSRules: CORSRule[] } {
  return {
    CORSRules: [
      {
        AllowedOrigins: [...origins],
        AllowedMethods: METHODS,
        AllowedHeaders: REQUEST_HEADERS,
        ExposeHeaders: ANSWER_HEADERS,
        MaxAgeSeconds: 3000,
      },
    ],
  };
}

/** @returns what pages of these origins may not do with the bucket's rules; null when nothing is missing */
export function findMissingCors(origins: readonly string[], rules: readonly CORSRule[]): string | null {
  for (const origin of origins) {
    for (const method of METHODS) {
      // A storage applies the first rule that fits the origin and the method.
      const rule = rules.find(
        ({ AllowedOrigins = [], AllowedMethods = [] }) =>
          AllowedMethods.includes(method) && AllowedOrigins.some((pattern) => matches(pattern, origin)),
      );
      if (rule === undefined) return `no rule allows the method ${method} to the origin ${origin}`;
      const { AllowedHeaders = [], ExposeHeaders = [] } = rule;
      const header = REQUEST_HEADERS.find((name) => !AllowedHeaders.some((pattern) => matches(pattern, name)));
      if (method !== 'GET' && header) return `the rule for ${method} and ${origin} does not allow the header ${header}`;
      if (method === 'PUT' && !ExposeHeaders.some((name) => name.toLowerCase() === 'etag')) {
        return `the rule for PUT and ${origin} does not expose the header ETag`;
      }
    }
  }
  return null;
}

/** Patterns have one `*` at most. */
function matches(pattern: string, text: string): boolean {
  const [begin = '', end] = pattern.toLowerCase().split('*');
  const lower = text.toLowerCase();
  if (end === undefined) return lower === begin;
  return lower.length >= begin.length + end.length && lower.startsWith(begin) && lower.endsWith(end);
}
