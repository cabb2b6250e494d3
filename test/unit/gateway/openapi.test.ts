/** The description of the API: what the routes of the gateway must say, and what is made of it. */
import fastify from 'fastify';
import type { OpenAPIV3_1 } from 'openapi-types';
import { type Static, type TSchema, Type } from 'typebox';
import { Errors } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { type ApiDocument, explainAccess, listOperations } from '#operator/gateway/http/api-document.ts';
import { renderPage } from '#operator/gateway/http/api-page.ts';
import { describeApi } from '#operator/gateway/http/openapi.ts';
import { PROBLEMS } from '#operator/gateway/http/problem.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';
import { describeGateway } from '../../../tools/reference/gateway-app.ts';

const OPEN = ['GET /openapi.json', 'GET /'];
const { operations } = await describeGateway();

describe.each(operations.map((each) => [`${each.method} ${each.path}`, each] as const))('%s', (name, { operation }) => {
  it('asks for a right, unless it is meant to be open', () => {
    expect(operation['x-access'] === undefined).toBe(OPEN.includes(name));
    expect(operation.security).toEqual(OPEN.includes(name) ? [] : [{ bearer: [] }, { signature: [] }]);
    expect(operation.description).toContain(explainAccess(operation['x-access']));
  });

  it('says what it does, and what each of its answers, parameters and bodies is', () => {
    expect(operation.summary).toMatch(/^[A-Z].+[^.]$/);
    expect(Object.keys(operation.responses ?? {}).filter((status) => /^[23]/.test(status))).not.toEqual([]);
    for (const response of Object.values(operation.responses ?? {})) {
      if (!('$ref' in response)) expect(response.description).not.toBe('Default Response');
    }
    for (const parameter of operation.parameters ?? []) expect(parameter).toHaveProperty('description');
  });

  it('shows an example of its body, which fits', () => {
    const { content = {} } = (operation.requestBody ?? {}) as {
      content?: Record<string, { schema?: object; example?: unknown }>;
    };
    for (const { schema = {}, example } of Object.values(content)) {
      expect(example).toBeDefined();
      expect([...Errors(schema as TSchema, example)]).toEqual([]);
    }
  });
});

it('every operation has an id of its own', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

it('what was made leads to operations that exist, by parameters that they have', () => {
  const byId = new Map(operations.map(({ operation }) => [operation.operationId, operation]));
  const linksOf = (operationId: string) => {
    const made = byId.get(operationId)?.responses?.['201'] as OpenAPIV3_1.ResponseObject | undefined;
    return Object.values(made?.links ?? {});
  };
  expect(linksOf('createFile').length).toBeGreaterThan(0);
  expect(linksOf('createUpload').length).toBeGreaterThan(0);
  for (const link of [...linksOf('createFile'), ...linksOf('createUpload')] as OpenAPIV3_1.LinkObject[]) {
    const target = byId.get(link.operationId);
    const names = (target?.parameters ?? []).flatMap((each) => ('in' in each && each.in === 'path' ? [each.name] : []));
    expect([link.operationId, Object.keys(link.parameters ?? {}).sort()]).toEqual([target?.operationId, names.sort()]);
  }
});

const Asked = Type.Object({
  name: Type.String({ description: 'The name, <b>in bold</b>.', maxLength: 255, examples: ['a.csv'] }),
  mode: Type.Union([Type.Literal('Load'), Type.Literal('Validate')]),
});

/** An API of two routes, whose texts hold HTML. */
async function startApp(): Promise<GatewayApp> {
  const app = fastify() as unknown as GatewayApp;
  await describeApi(app);
  await app.register(
    (inside, _options, done) => {
      inside.post<{ Body: Static<typeof Asked> }>(
        '/files',
        {
          config: { access: { verb: 'create', resource: 'batchuploads' } },
          schema: {
            summary: 'Ask for a place <script>',
            body: Asked,
            headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ description: 'A key.' })) }),
            response: { 201: Type.Object({ id: Type.String() }, { description: 'The place.' }) },
          },
        },
        (_, reply) => reply.code(201).send({ id: '1' }),
      );
      inside.get(
        '/uploads/:name/errors',
        {
          config: { access: { verb: 'get', resource: 'batchuploads', subresource: 'errors', own: true } },
          schema: { summary: 'Failed records', response: { 200: Type.Object({}, { description: 'Counts.' }) } },
        },
        () => ({}),
      );
      done();
    },
    { prefix: '/v1/namespaces/:namespace' },
  );
  return app;
}

async function fetchDocument(): Promise<ApiDocument> {
  const answer = await (await startApp()).inject('/openapi.json');
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  return answer.json();
}

describe('the document', () => {
  it('is OpenAPI 3.1 with the rights, the tags and the ids of the routes', async () => {
    const document = await fetchDocument();
    expect(document.openapi).toBe('3.1.0');
    const found = listOperations(document).map(({ method, path, operation }) => [method, path, operation] as const);
    expect(found.map(([method, path, { operationId, tags }]) => `${method} ${path} ${operationId} ${tags}`)).toEqual([
      'GET /openapi.json getOpenapiJson description',
      'GET / getPage description',
      'POST /v1/namespaces/{namespace}/files postFiles files',
      'GET /v1/namespaces/{namespace}/uploads/{name}/errors getUploadsByNameErrors uploads',
    ]);
    expect(found[2]![2].description).toBe('Needs the right to `create` `batchuploads` in the namespace.');
    expect(found[3]![2].description).toBe(
      'Needs the right to `get` `batchuploads/errors` in the namespace. Who may only `create` `batchuploads` may do this with uploads of their own.',
    );
  });

  it('every operation may answer with problems, each of which the document explains', async () => {
    const document = await fetchDocument();
    const statuses = (at: number) => Object.keys(listOperations(document)[at]!.operation.responses ?? {});
    expect(statuses(0)).toEqual(['200', '500', 'default']);
    expect(statuses(2)).toEqual([
      '201',
      '400',
      '401',
      '403',
      '404',
      '409',
      '413',
      '415',
      '422',
      '429',
      '500',
      '503',
      'default',
    ]);
    for (const [type, { status }] of Object.entries(PROBLEMS)) {
      const content = document.components?.responses?.[`Problem${status}`];
      expect(content).toMatchObject({
        content: { 'application/problem+json': { examples: { [type]: { value: { status } } } } },
      });
    }
  });
});

describe('the page', () => {
  it('runs nothing and loads nothing, whatever the texts hold', async () => {
    const { body, headers } = await (await startApp()).inject('/');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);
    expect(body).toContain('Ask for a place &lt;script&gt;');
    expect(body).toContain('The name, &lt;b&gt;in bold&lt;/b&gt;.');
    expect(body).not.toMatch(/<script|<b>in|style=|src=|https?:\/\/(?!batchupload)/);
  });

  it('shows parameters, types, bodies, answers and rights', async () => {
    const { body } = await (await startApp()).inject('/');
    for (const text of [
      '<b>POST</b> <code>/v1/namespaces/{namespace}/files</code>',
      '<code>name</code> <span class="note">required, string, maxLength 255</span>',
      '&quot;Load&quot; or &quot;Validate&quot;',
      '<code>201</code> The place.',
      '<code>create</code> <code>batchuploads</code>',
      '<li><code>412</code> <code>precondition-failed</code> The upload has changed meanwhile.</li>',
    ]) {
      expect(body).toContain(text);
    }
  });

  it('ends where a schema refers to itself', () => {
    const node = { type: 'object', properties: { child: { $ref: '#/components/schemas/Node' } } } as const;
    const responses = { 200: { description: 'A tree.', content: { 'application/json': { schema: node } } } };
    const page = renderPage({
      openapi: '3.1.0',
      info: { title: 'T', version: '1' },
      tags: [{ name: 't' }],
      paths: { '/': { get: { tags: ['t'], responses } } },
      components: { schemas: { Node: node } },
    });
    expect(page.length).toBeLessThan(10_000);
  });
});
