/** Watches of uploads, as server-sent events. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { createOpenCount, type OpenCount } from '#operator/gateway/http/open-count.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Access, GatewayApp } from '#operator/gateway/model/types.ts';
import { findUpload, isVisible } from './find-upload.ts';
import type { UploadDeps } from './upload-deps.ts';
import type { UploadFeed } from './upload-feed.ts';
import { NAMESPACE_PARAMS, UPLOAD_PARAMS } from './upload-schemas.ts';
import { createUploadStream } from './upload-stream.ts';

/** Watches of one identity, and of all, in one replica. */
const MOST_OF_ONE = 250;
const MOST = 1000;
const WATCH: Access = { verb: 'watch', resource: 'batchuploads', own: true };

const HEADERS = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({
      maxLength: 128,
      description: 'The id of the last event that was read: the watch goes on after it. Any other text begins anew.',
    }),
  ),
});

const RESPONSE = {
  200: {
    description:
      'The events snapshot (all uploads that follow are all there are), upload (the state of an upload, as GET uploads/{name} shows it), deleted (name and uid), synced (everything known at the start was told) and end (reason and message). The id of an event says where a watch goes on.',
    content: { 'text/event-stream': { schema: Type.String() } },
  },
};

/** @param feed the record of changes, which is made when it is first asked for */
export function watchRoutes(app: GatewayApp, deps: UploadDeps, feed: () => UploadFeed): void {
  const watches = createOpenCount({
    mostOfOne: MOST_OF_ONE,
    most: MOST,
    onChange: (all) => deps.metrics.watchers.set(all),
  });

  app.get(
    '/uploads/watch',
    {
      exposeHeadRoute: false,
      config: { access: WATCH },
      schema: {
        operationId: 'watchUploads',
        summary: 'Watch the uploads of a namespace',
        tags: ['uploads'],
        params: NAMESPACE_PARAMS,
        headers: HEADERS,
        response: RESPONSE,
      },
    },
    async (request, reply) => {
      const { namespace } = request.params;
      return watch(deps, { feed: feed(), watches, request, reply, namespace, isWanted: () => true });
    },
  );

  app.get(
    '/uploads/:name/watch',
    {
      exposeHeadRoute: false,
      config: { access: WATCH },
      schema: {
        operationId: 'watchUpload',
        summary: 'Watch one upload',
        tags: ['uploads'],
        params: UPLOAD_PARAMS,
        headers: HEADERS,
        response: RESPONSE,
      },
    },
    async (request, reply) => {
      const { namespace, name } = request.params;
      const { identity, scope } = request;
      await findUpload(deps, { namespace, name, identity, scope });
      const isWanted = ({ metadata }: BatchUpload) => metadata.name === name;
      return watch(deps, { feed: feed(), watches, request, reply, namespace, name, isWanted });
    },
  );
}

interface Watch {
  feed: UploadFeed;
  watches: OpenCount;
  request: FastifyRequest;
  reply: FastifyReply;
  namespace: string;
  name?: string;
  isWanted(upload: BatchUpload): boolean;
}

/** @returns the reply that has the stream, which the types take for the text of the schema. */
function watch(deps: UploadDeps, { feed, watches, request, reply, namespace, name, isWanted }: Watch): never {
  const { identity, scope } = request;
  const release = beginWatch(watches, identity.user);
  const signedOut = new AbortController();
  const forget = identity.session ? deps.sessions?.onEnd(identity.session, () => signedOut.abort()) : undefined;
  const stream = createUploadStream({
    feed,
    namespace,
    since: readEventId(request.headers['last-event-id']),
    isWanted: (upload) => isWanted(upload) && isVisible(upload, { identity, scope }),
    async authorize() {
      const now = await deps.authorizer.authorize(identity, { ...WATCH, namespace, name, isOwn: scope === 'Own' });
      if (scope === 'All' && now === 'Own') {
        throw new Problem('forbidden', { detail: 'You may only watch your own uploads now. Open the watch again.' });
      }
    },
    expiresAt: identity.expiresAt,
    signedOut: signedOut.signal,
    clock: deps.clock,
    signal: deps.ending,
  });
  stream.once('close', () => {
    release();
    forget?.();
  });
  return reply
    .header('content-type', 'text/event-stream; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .send(stream) as never;
}

/** What is no id of ours is an id of nothing: the watch tells everything. */
function readEventId(text: unknown): number | null {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** @returns a function that ends the watch. @throws Problem too-many-requests */
function beginWatch(watches: OpenCount, user: string): () => void {
  const end = watches.begin(user);
  if (end !== null) return end;
  const own = watches.of(user);
  throw new Problem('too-many-requests', {
    detail:
      own >= MOST_OF_ONE
        ? `You have ${own} open watches, and may have no more. Close one first, or watch all uploads of a namespace in one.`
        : 'The gateway has as many open watches as it can serve. Try again later.',
    retryAfterSeconds: 10,
  });
}
