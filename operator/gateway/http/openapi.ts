/**
 * The description of the API: an OpenAPI 3.1 document that is made from the schemas of the routes, and a page to read it.
 * Both are open to everybody and hold nothing of a cluster.
 */
import { createHash } from 'node:crypto';
import swagger from '@fastify/swagger';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Access, GatewayApp } from '#operator/gateway/model/types.ts';
import { type ApiDocument, explainAccess, listOperations } from './api-document.ts';
import { PAGE_STYLE, renderPage } from './api-page.ts';
import { BODY_EXAMPLES } from './body-examples.ts';
import { addLinks } from './documented-links.ts';
import { describeProblems, documentProblems, PROBLEM_SCHEMA } from './documented-problems.ts';

const PREFIX = '/v1/namespaces/:namespace';

const INTRODUCTION = `Programs and people put files into storage, start uploads, follow them and get the failed records.

Send a token as \`Authorization: Bearer …\`, or sign the request with a key that the namespace knows. What a sender may do is said by Kubernetes' RBAC in the namespace of the path: each endpoint names the verb and the resource that it asks for.

An answer that refuses a request is a problem of RFC 9457: its \`type\` stays the same, and its \`detail\` says what was wrong and what to do.`;

const TAGS = [
  { name: 'files', description: 'Places in the storage for files. The bytes go to the storage itself.' },
  { name: 'uploads', description: 'Uploads of files into tables, their progress, and their failed records.' },
  { name: 'schemas', description: 'What the records of a file must be.' },
  { name: 'description', description: 'This description.' },
];

const SECURITY_SCHEMES: OpenAPIV3_1.ComponentsObject['securitySchemes'] = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of the identity provider, or of a Kubernetes service account, made for the audience of the gateway.',
  },
  signature: {
    type: 'apiKey',
    in: 'header',
    name: 'Signature',
    description:
      'A message signature of RFC 9421 (hmac-sha256) with the headers Signature-Input and Content-Digest. Its key is valid in one namespace.',
  },
};

/** Collects the routes that are added from now on, and serves their description at /openapi.json and /. */
export async function describeApi(app: GatewayApp, { hasPage = false }: { hasPage?: boolean } = {}): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'BatchUpload', version: 'v1', description: INTRODUCTION },
      tags: TAGS,
      components: { securitySchemes: SECURITY_SCHEMES },
    } as never,
    convertConstToEnum: false,
    transform: ({ schema, url, route }) => ({
      url,
      schema: { ...schema, ...describeRoute((schema ?? {}) as RouteSchema, url, route) } as never,
    }),
    transformObject: (made) => addProblems((made as { openapiObject: ApiDocument }).openapiObject) as never,
  });
  let json = '';
  let page = '';
  app.addHook('onReady', async () => {
    const document = readDocument(app);
    json = JSON.stringify(document);
    page = renderPage(document, { hasPage });
  });
  const openRoute = (summary: string, type: string, schema: object) => ({
    schema: {
      tags: ['description'],
      summary,
      response: { 200: { description: 'The description.', content: { [type]: { schema } } } },
    },
  });
  app.get(
    '/openapi.json',
    openRoute('This description as an OpenAPI document', 'application/json', { type: 'object' }),
    (_, reply) => reply.header('content-type', 'application/json; charset=utf-8').send(json),
  );
  app.get('/', openRoute('This description as a page', 'text/html', { type: 'string' }), (_, reply) =>
    reply.headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': PAGE_POLICY }).send(page),
  );
}

/** The page loads nothing and runs no script, so that no name in a description can do harm. */
const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The document of an app that is ready. */
export function readDocument(app: GatewayApp): ApiDocument {
  return app.swagger() as ApiDocument;
}

interface RouteSchema {
  tags?: readonly string[];
  operationId?: string;
  description?: string;
  body?: object;
}

function describeRoute(
  { tags, operationId, description = '', body }: RouteSchema,
  url: string,
  { method, config }: { method: string | string[]; config?: { access?: Access } },
) {
  const access = config?.access;
  const parts = url
    .replace(PREFIX, '')
    .split('/')
    .filter((part) => part !== '');
  const name = parts.map((part) =>
    part.replace(/^:/, 'by-').replace(/(?:^|\W)+(\w)/g, (_, first: string) => first.toUpperCase()),
  );
  const example = BODY_EXAMPLES[operationId ?? ''];
  return {
    ...(body === undefined || example === undefined ? {} : { body: { ...body, examples: [example] } }),
    tags: tags ?? [parts[0] ?? 'description'],
    operationId: operationId ?? `${String(method).toLowerCase()}${name.join('') || 'Page'}`,
    description: [description, explainAccess(access)].filter((text) => text !== '').join('\n\n'),
    security: access === undefined ? [] : [{ bearer: [] }, { signature: [] }],
    ...(access === undefined ? {} : { 'x-access': access }),
  };
}

/** Every operation can be refused, always in the same form, and what an operation has made leads to others. */
function addProblems(document: ApiDocument): ApiDocument {
  for (const { operation } of listOperations(document)) {
    operation.responses = documentProblems(operation);
    addLinks(operation);
  }
  const components = document.components ?? {};
  document.components = {
    ...components,
    schemas: { ...components.schemas, Problem: PROBLEM_SCHEMA },
    responses: { ...components.responses, ...describeProblems() },
  };
  return document;
}
