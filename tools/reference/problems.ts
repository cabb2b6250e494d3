import { PROBLEMS } from '#operator/gateway/http/problem.ts';
import { markdownTable, pageHead } from './text.ts';

/** The page of the gateway's problems, whose types lead here. */
export function describeProblemTypes(): string {
  const rows = Object.entries(PROBLEMS).map(([type, { status, title }]) => [`\`${type}\``, String(status), title]);
  const introduction =
    'An answer of the gateway that refuses a request has the type `application/problem+json` (RFC 9457). Its `type` is `https://batchupload.dev/problems/` and one of these words, which stay the same; its `detail` says what was wrong with the request and what to do; its `errors` name the fields, parameters and headers that are wrong.';
  return [pageHead('Problems of the gateway', introduction), markdownTable(['type', 'status', 'title'], rows)].join(
    '\n',
  );
}
