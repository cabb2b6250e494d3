/** Schemas: what a sender of files must know of them. */
import { Type } from 'typebox';
import type { RecordSchema } from '#kube/custom-resources.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';
import { SchemaError } from '#runner/patterns.ts';
import { findExample, formatTemplate } from '#runner/report/example-record.ts';
import { columnRoutes, type SchemaDeps } from './column-routes.ts';
import { findSchema, NAMESPACE, PARAMS } from './find-schema.ts';
import { processorRoute } from './processor-route.ts';
import { representSchema, representSchemaName, SCHEMA, SCHEMA_LIST } from './represent-schema.ts';

/** Cells of example rows that are tried: some 100 ms, in which no other request is answered. */
const MOST_CELLS = 20_000;
const tags = ['schemas'];

export function schemaRoutes(app: GatewayApp, deps: SchemaDeps): void {
  app.get(
    '/schemas',
    {
      config: { access: { verb: 'list', resource: 'recordschemas' } },
      schema: {
        operationId: 'listSchemas',
        summary: 'List the schemas of a namespace',
        tags,
        params: Type.Object({ namespace: NAMESPACE }),
        response: { 200: SCHEMA_LIST },
      },
    },
    async ({ params: { namespace } }) => {
      const inside = [...deps.schemas.values()].filter(({ metadata }) => metadata.namespace === namespace);
      const items = inside.map(representSchemaName).sort((a, b) => (a.name < b.name ? -1 : 1));
      return { items };
    },
  );

  app.get(
    '/schemas/:name',
    {
      config: { access: { verb: 'get', resource: 'recordschemas' } },
      schema: {
        operationId: 'getSchema',
        summary: 'Get a schema',
        tags,
        params: PARAMS,
        response: { 200: SCHEMA },
      },
    },
    async ({ params }) => representSchema(await findSchema(deps, params)),
  );

  app.get(
    '/schemas/:name/template.csv',
    {
      config: { access: { verb: 'get', resource: 'recordschemas' } },
      schema: {
        operationId: 'getSchemaTemplate',
        summary: 'Get a file to fill in',
        description:
          'A CSV with the header and an example row; the header alone where no example that meets all rules is found.',
        tags,
        params: PARAMS,
        response: {
          200: { description: 'The template.', content: { 'text/csv': { schema: Type.String() } } },
        },
      },
    },
    async ({ params }, reply) =>
      reply
        .header('content-type', 'text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="${params.name}-template.csv"`)
        .header('x-content-type-options', 'nosniff')
        .send(await templateOf(await findSchema(deps, params))),
  );

  processorRoute(app, deps);
  columnRoutes(app, deps);
}

/** The search for an example takes long, so that its result is kept for as long as the schema stays as it is. */
const templates = new WeakMap<RecordSchema, Promise<string>>();

function templateOf(schema: RecordSchema): Promise<string> {
  const known = templates.get(schema);
  if (known !== undefined) return known;
  const made = makeTemplate(schema);
  templates.set(schema, made);
  return made;
}

/** @throws Problem when the schema has a mistake */
async function makeTemplate({ metadata: { name }, spec }: RecordSchema): Promise<string> {
  try {
    return formatTemplate(spec, await findExample(spec, Math.ceil(MOST_CELLS / spec.fields.length)));
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new Problem('unprocessable', {
      detail: `The RecordSchema ${name} has a mistake, which must be mended first: ${error.message}`,
    });
  }
}
