/** What a program needs to check a file by the record processor and to find what the job runner would find. */
import { type Static, Type } from 'typebox';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { contentTag, IF_NONE_MATCH, isUnchanged, NOT_MODIFIED } from '#operator/gateway/http/entity-tags.ts';
import type { GatewayApp, GatewayDeps } from '#operator/gateway/model/types.ts';
import { createColumnTypes } from './column-types.ts';
import { findSchema, PARAMS } from './find-schema.ts';

/** The spec of a RecordSchema without the name of the table. */
export type ProcessorSpec = Omit<RecordSchemaSpec, 'target'> & { target: Omit<RecordSchemaSpec['target'], 'table'> };

const COLUMN_TYPE = Type.Object({
  oid: Type.Integer({ description: 'pg_type.oid; of a domain that of the type below it.' }),
  modifier: Type.Integer({ description: 'The modifier, such as the length of a varchar, as in pg_attribute; or -1.' }),
});

const PROCESSOR = Type.Object(
  {
    spec: Type.Unsafe<ProcessorSpec>({
      type: 'object',
      additionalProperties: true,
      description:
        'The spec of the RecordSchema as `kubectl explain recordschema.spec` shows it, without target.table.',
    }),
    columnTypes: Type.Union([Type.Array(COLUMN_TYPE), Type.Null()], {
      description:
        'The types of the columns in the order of spec.target.columns, also of a table that is yet to be created. Null: they are not known, and only the database tells which values a column has no room for.',
    }),
    message: Type.Optional(Type.String({ description: 'Why the types of the columns are not known.' })),
  },
  { description: 'What the record processor needs.' },
);
export type ProcessorAnswer = Static<typeof PROCESSOR>;

export function processorRoute(app: GatewayApp, deps: GatewayDeps): void {
  const columnTypes = createColumnTypes(deps);
  app.get(
    '/schemas/:name/processor',
    {
      config: { access: { verb: 'get', resource: 'recordschemas' } },
      schema: {
        operationId: 'getSchemaProcessor',
        summary: 'Get what checks a file as an upload would',
        description:
          'The record processor of the job runner, which also runs in a browser, finds the same faults with this answer as an upload of the same file.',
        tags: ['schemas'],
        params: PARAMS,
        headers: Type.Object({ 'if-none-match': IF_NONE_MATCH }),
        response: {
          200: {
            ...PROCESSOR,
            headers: { etag: Type.String({ description: 'Changes whenever the schema or the table changes.' }) },
          },
          304: NOT_MODIFIED,
        },
      },
    },
    async ({ params, headers }, reply) => {
      const schema = await findSchema(deps, params);
      const { target, ...rest } = schema.spec;
      const { table: _table, ...shown } = target;
      const answer: ProcessorAnswer = { spec: { ...rest, target: shown }, ...(await columnTypes.of(schema)) };
      const tag = contentTag(JSON.stringify(answer));
      reply.header('etag', tag).header('cache-control', 'private, no-cache');
      if (isUnchanged(tag, headers['if-none-match'])) return reply.code(304).send(undefined);
      return answer;
    },
  );
}
