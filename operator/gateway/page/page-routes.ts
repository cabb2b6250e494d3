/** The staff page itself: its document for every view, and the files that the document loads. */
import { fileURLToPath } from 'node:url';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '#common/log.ts';
import type { PageSettings } from '#operator/config/page-config.ts';
import { createStorageOrigins } from '#operator/gateway/files/storage-origins.ts';
import { isUnchanged } from '#operator/gateway/http/entity-tags.ts';
import { answerMessage } from '#operator/gateway/http/message-page.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayApp, GatewayDeps } from '#operator/gateway/model/types.ts';
import { type PageFile, type PageFiles, readPageFiles } from './page-files.ts';
import { documentPolicy, PAGE_HEADERS, TRANSPORT_SECURITY, workerPolicy } from './page-policy.ts';

const BUILT = fileURLToPath(new URL('../../../page/dist', import.meta.url));
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Adds the headers of every answer of the scope. Must be called before its routes are added. */
export function protectPage(scope: GatewayApp, { isTls }: { isTls: boolean }): void {
  const headers = isTls ? { ...PAGE_HEADERS, 'strict-transport-security': TRANSPORT_SECURITY } : PAGE_HEADERS;
  scope.addHook('onRequest', async (_request, reply) => void reply.headers(headers));
}

/** @returns the files of the built page; a page that was not built is logged, and each of its paths answers so. */
export async function openPageFiles({ page, log }: { page: PageSettings; log: Logger }): Promise<PageFiles> {
  const folder = page.filesFolder ?? BUILT;
  const files = await readPageFiles(folder);
  if (files.index === undefined)
    log.error(
      { folder },
      'the staff page was not built, so that /page/ says so: run `vite build page`, or use an image that was built with it',
    );
  return files;
}

export function pageRoutes(
  scope: GatewayApp,
  deps: Pick<GatewayDeps, 'config' | 'storage' | 'clock' | 'signal' | 'log'> & { files: PageFiles },
): void {
  const { files } = deps;
  const storageOrigins = createStorageOrigins(deps);

  scope.get('/page', async (_request, reply) => reply.redirect('/page/', 302));
  scope.get('/page/*', async (request, reply) => {
    const path = (request.params as { '*': string })['*'];
    const file = path === 'index.html' ? undefined : files.get(path);
    if (file !== undefined) return sendFile(request, reply, { path, file });
    if (path.startsWith('assets/')) {
      throw new Problem('not-found', {
        detail: `The page has no file ${path.slice(0, 100)}: it was built anew. Load the page again.`,
      });
    }
    if (files.index === undefined) {
      return answerMessage(request, reply, {
        status: 404,
        title: 'session.notBuilt',
        paragraphs: [{ key: 'session.notBuiltWhy' }],
      });
    }
    reply.headers({ 'content-security-policy': documentPolicy(await storageOrigins()), 'cache-control': 'no-store' });
    return send(request, reply, files.index);
  });
}

async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { path, file }: { path: string; file: PageFile },
): Promise<FastifyReply> {
  const policy = workerPolicy(path);
  if (policy !== null) reply.header('content-security-policy', policy);
  reply.headers({ 'cache-control': path.startsWith('assets/') ? IMMUTABLE : 'no-cache', etag: file.eTag });
  if (isUnchanged(file.eTag, request.headers['if-none-match'])) return reply.code(304).send();
  return send(request, reply, file);
}

async function send(request: FastifyRequest, reply: FastifyReply, file: PageFile): Promise<FastifyReply> {
  reply.headers({ 'content-type': file.type, vary: 'Accept-Encoding' });
  const zipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '') ? file.zipped() : null;
  if (zipped === null) return reply.send(file.bytes);
  return reply.header('content-encoding', 'gzip').send(await zipped);
}
