/** Pages of one message for a person whose browser was sent somewhere where the staff page cannot answer. Pure. */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CATALOGUES, fill, type Language, type TextKey, type TextValues } from '#page/texts/text.ts';
import { escapeHtml, PAGE_STYLE } from './api-page.ts';

export interface Message {
  status: number;
  title: TextKey;
  paragraphs: { key: TextKey; values?: TextValues }[];
  links?: { key: TextKey; href: string }[];
}

/** The message loads nothing and runs no script. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function answerMessage(request: FastifyRequest, reply: FastifyReply, message: Message): FastifyReply {
  return reply
    .code(message.status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      vary: 'Accept-Language',
    })
    .send(renderMessage(message, chooseLanguage(request.headers['accept-language'])));
}

export function renderMessage({ title, paragraphs, links = [] }: Message, language: Language): string {
  const show = (key: TextKey, values: TextValues = {}) => escapeHtml(fill(language, CATALOGUES[language][key], values));
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${show(title)}</title><style>${PAGE_STYLE}</style></head>
<body><main><h1>${show(title)}</h1>
${paragraphs.map(({ key, values }) => `<p>${show(key, values)}</p>`).join('\n')}
${links.map(({ key, href }) => `<p><a href="${escapeHtml(href)}">${show(key)}</a></p>`).join('\n')}
</main></body></html>
`;
}

/** The first language of the browser's list that the catalogue has; English without one. */
export function chooseLanguage(header: string | undefined): Language {
  const wanted = (header ?? '').split(',').map((part) => {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
    const quality = parameters.map((each) => /^\s*q=([\d.]+)$/.exec(each)?.[1]).find((each) => each !== undefined);
    return { language: tag.split('-')[0]!, quality: quality === undefined ? 1 : Number(quality) };
  });
  const known = wanted
    .filter(({ language, quality }) => Object.hasOwn(CATALOGUES, language) && quality > 0)
    .sort((a, b) => b.quality - a.quality);
  return (known[0]?.language as Language | undefined) ?? 'en';
}
