/** Raw JSON calls to the API server. The contract is the docstring of `KubeClient`. */
import { type Clock, systemClock } from '#common/clock.ts';
import type { KubeAccess } from './access.ts';
import { isGone, isNotFound } from './errors.ts';
import { readLines } from './json-lines.ts';
import { apiVersion, collectionPath, creationPath, objectPath, refOf, typed } from './paths.ts';
import { type Call, createTransport, type Transport } from './transport.ts';
import type {
  ApplyOptions,
  CallOptions,
  KubeClient,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectRef,
  OnRequest,
  ResourceType,
  WatchEvent,
  WatchOptions,
} from './types.ts';
import { toWatchEvent } from './watch-event.ts';

export interface KubeClientDeps {
  access: KubeAccess;
  clock?: Clock;
  /** The API server takes the part before the slash as the field manager of creates and merge patches. */
  userAgent?: string;
  onRequest?: OnRequest | undefined;
}

const TIMEOUT_MS = 30_000;
/** A busy etcd needs long for a page of 500 big objects. */
const PAGE_TIMEOUT_MS = 60_000;
const PAGE_LIMIT = 500;

type SendCall = <T>(options: CallOptions | undefined, parts: CallParts) => Promise<T>;

/** Each client has connections of its own, so that renewals of the lease never wait behind other requests. */
export function createKubeClient(deps: KubeClientDeps): KubeClient {
  const { access, clock = systemClock, userAgent = 'batch-upload', onRequest } = deps;
  const transport = createTransport({ access, clock, userAgent, onRequest });
  const call: SendCall = async <T>(options: CallOptions | undefined, parts: CallParts) => {
    const request = toCall(parts, options?.signal);
    return (await transport.json(request, options?.timeoutMs ?? TIMEOUT_MS)) as T;
  };
  return {
    ...createReads(call),
    watch: (type, options) => watch(transport, type, options),
    ...createWrites(call),
    ...createPatches(call),
    close: () => transport.close(),
  };
}

function createReads(call: SendCall): Pick<KubeClient, 'get' | 'find' | 'list' | 'listPages'> {
  const get = <T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, options?: CallOptions) =>
    call<T>(options, { verb: 'get', method: 'GET', type, path: objectPath(type, ref) });
  return {
    get,
    async find(type, ref, options) {
      try {
        return await get(type, ref, options);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    listPages: (type, options) => listPages(call, type, options),
    async list(type, options = {}) {
      try {
        return await collect(listPages(call, type, options));
      } catch (error) {
        // The continue token expired between two pages, so the second try asks for everything in one page.
        if (!isGone(error)) throw error;
        return collect(listPages(call, type, { ...options, limit: 0 }));
      }
    },
  };
}

async function* listPages<T extends KubeObject>(
  call: SendCall,
  type: ResourceType<T>,
  options: ListOptions = {},
): AsyncGenerator<ListPage<T>, void, void> {
  const { limit = PAGE_LIMIT } = options;
  let next = '';
  do {
    const page = await call<RawList<T>>(
      { signal: options.signal, timeoutMs: options.timeoutMs ?? PAGE_TIMEOUT_MS },
      {
        verb: 'list',
        method: 'GET',
        type,
        path: collectionPath(type, options.namespace),
        query: { ...selectors(options), limit: limit > 0 ? limit : undefined, continue: next },
      },
    );
    next = page.metadata?.continue ?? '';
    const items = page.items ?? [];
    // The API server leaves both fields out of the items when the kind is a built-in one.
    for (const item of items) {
      item.apiVersion ??= apiVersion(type);
      item.kind ??= type.kind;
    }
    yield { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
  } while (next !== '');
}

async function* watch<T extends KubeObject>(
  transport: Transport,
  type: ResourceType<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, void> {
  const request = toCall(
    {
      verb: 'watch',
      method: 'GET',
      type,
      path: collectionPath(type, options.namespace),
      query: {
        ...selectors(options),
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
      },
    },
    options.signal,
  );
  const { idleTimeoutMs, onOpen } = options;
  const timeouts = { openTimeoutMs: TIMEOUT_MS, idleTimeoutMs, onOpen };
  for await (const line of readLines(transport.stream(request, timeouts))) {
    if (line.trim() !== '') yield toWatchEvent<T>(request, line);
  }
}

function createWrites(call: SendCall): Pick<KubeClient, 'create' | 'replace' | 'delete'> {
  return {
    create: (type, object, options) =>
      call(options, {
        verb: 'create',
        method: 'POST',
        type,
        path: creationPath(type, object),
        body: { contentType: 'application/json', json: typed(type, object) },
      }),
    replace: (type, object, options) =>
      call(options, {
        verb: 'replace',
        method: 'PUT',
        type,
        path: objectPath(type, refOf(type, object)),
        body: { contentType: 'application/json', json: typed(type, object) },
      }),
    async delete(type, ref, { signal, timeoutMs, ...options } = {}) {
      const json = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
      const body = { contentType: 'application/json', json };
      try {
        await call(
          { signal, timeoutMs },
          { verb: 'delete', method: 'DELETE', type, path: objectPath(type, ref), body },
        );
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },
  };
}

function createPatches(call: SendCall): Pick<KubeClient, 'apply' | 'applyStatus' | 'patchMerge'> {
  const patch = <T extends KubeObject>(
    options: CallOptions | undefined,
    parts: Pick<CallParts, 'verb' | 'type' | 'path' | 'query' | 'subresource'> & { contentType: string; json: object },
  ) => call<T>(options, { ...parts, method: 'PATCH', body: { contentType: parts.contentType, json: parts.json } });

  const apply = <T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    { subresource, ...options }: ApplyOptions & { subresource?: 'status' },
  ) =>
    patch<T>(options, {
      verb: 'apply',
      type,
      subresource,
      path: objectPath(type, refOf(type, object), subresource),
      query: { fieldManager: options.fieldManager, force: options.force === true ? 'true' : undefined },
      // Every JSON text is YAML.
      contentType: 'application/apply-patch+yaml',
      json: typed(type, object),
    });

  return {
    apply,
    applyStatus: (type, object, options) => apply(type, object, { ...options, subresource: 'status' }),
    patchMerge: (type, ref, json, options) =>
      patch(options, {
        verb: 'patch',
        type,
        path: objectPath(type, ref),
        contentType: 'application/merge-patch+json',
        json,
      }),
  };
}

interface RawList<T> {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[];
}

type Query = Record<string, string | number | undefined>;

interface CallParts extends Pick<Call, 'verb' | 'method' | 'path' | 'body'> {
  type: ResourceType;
  subresource?: string | undefined;
  query?: Query;
}

function toCall({ type, subresource, query = {}, ...parts }: CallParts, signal: AbortSignal | undefined): Call {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const path = search.size > 0 ? `${parts.path}?${search}` : parts.path;
  const resource = subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
  return { ...parts, path, resource, signal };
}

function selectors({
  labelSelector,
  fieldSelector,
}: {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}) {
  return { labelSelector, fieldSelector };
}

async function collect<T>(pages: AsyncIterable<ListPage<T>>): Promise<ListPage<T>> {
  const all: ListPage<T> = { items: [], resourceVersion: '' };
  for await (const page of pages) {
    for (const item of page.items) all.items.push(item);
    all.resourceVersion = page.resourceVersion;
  }
  return all;
}
