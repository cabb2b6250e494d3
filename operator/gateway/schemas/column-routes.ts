/** What people have chosen for the columns of a header: the next file with such a header gets it as a proposal. */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { findColumnFault } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { headerKey, visibleName } from '#api/visible-name.ts';
import type { RecordSchema } from '#kube/custom-resources.ts';
import { type ColumnChoice, findChoice, keepChoice } from '#ledger/gateway/column-choices.ts';
import type { Authorizer } from '#operator/gateway/access/authorize.ts';
import { mayList } from '#operator/gateway/access/may-list.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { withLedger } from '#operator/gateway/http/with-ledger.ts';
import { COLUMNS, MOST_COLUMNS, MOST_NAME_CHARACTERS } from '#operator/gateway/model/columns.ts';
import type { GatewayApp, GatewayDeps, Identity } from '#operator/gateway/model/types.ts';
import { findSchema, NAMESPACE, SCHEMA_NAME } from './find-schema.ts';

export interface SchemaDeps extends GatewayDeps {
  authorizer: Authorizer;
}

/** The parameter is not called `name`, which would be asked for as the name of an upload. */
const PARAMS = Type.Object({ namespace: NAMESPACE, schema: SCHEMA_NAME });

const HEADER_HASH = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description:
    'The SHA-256, in hex, of the JSON list of the names in the header: each once, sorted by UTF-16 units, without spaces around it, without invisible characters, in the form NFC, and none that is empty.',
});

const NEW_CHOICE = Type.Object(
  {
    header: Type.Array(Type.String({ maxLength: MOST_NAME_CHARACTERS }), {
      minItems: 1,
      maxItems: MOST_COLUMNS,
      description: 'The names in the header of the file, or the keys of NDJSON objects.',
    }),
    columns: COLUMNS,
  },
  { additionalProperties: false, description: 'What was chosen for the columns of a header.' },
);

const CHOICE = Type.Object(
  {
    header: HEADER_HASH,
    columns: Type.Union([COLUMNS, Type.Null()], {
      description: 'What was chosen last, as far as the schema still has the fields; null: nothing was chosen yet.',
    }),
    chosenAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it was chosen.' })),
    chosenBy: Type.Optional(
      Type.String({ description: 'The user that chose it; only who may list the uploads sees others than himself.' }),
    ),
  },
  { description: 'What was chosen for the columns of a header.' },
);

/** A choice is kept for months, and a namespace has hundreds of them. */
const CHOICE_BYTES = 256 * 1024;
const config = { access: { verb: 'create', resource: 'batchuploads' } } as const;
const tags = ['schemas'];

export function columnRoutes(app: GatewayApp, deps: SchemaDeps): void {
  app.get(
    '/schemas/:schema/columns',
    {
      config,
      schema: {
        operationId: 'getColumns',
        summary: 'Get what was chosen for the columns of a header',
        tags,
        params: PARAMS,
        querystring: Type.Object({ header: HEADER_HASH }, { additionalProperties: false }),
        response: { 200: CHOICE },
      },
    },
    async ({ params: { namespace, schema: schemaName }, query, identity }) => {
      const schema = await findSchema(deps, { namespace, name: schemaName });
      const choice = await withLedger(deps, namespace, (client, scope) =>
        findChoice(client, { ...scope, schemaName, headerHash: query.header }),
      );
      return represent(deps, { schema, identity, header: query.header, choice });
    },
  );

  app.put(
    '/schemas/:schema/columns',
    {
      config,
      bodyLimit: CHOICE_BYTES,
      schema: {
        operationId: 'putColumns',
        summary: 'Keep what was chosen for the columns of a header',
        description: `What was chosen takes the place of what was chosen before for the same header and schema, by anybody. A namespace keeps the newest choices, some hundreds of them.`,
        tags,
        params: PARAMS,
        body: NEW_CHOICE,
        response: { 200: CHOICE },
      },
    },
    async ({ params: { namespace, schema: schemaName }, body, identity }) => {
      const schema = await findSchema(deps, { namespace, name: schemaName });
      checkChoice(schema, body);
      const header = createHash('sha256').update(headerKey(body.header)).digest('hex');
      const columns = body.columns.map((column) => ({ ...column, name: visibleName(column.name) }));
      const choice = await withLedger(deps, namespace, (client, scope) =>
        keepChoice(client, { ...scope, schemaName, headerHash: header }, { columns, chosenBy: identity.user }),
      );
      return represent(deps, { schema, identity, header, choice });
    },
  );
}

/** @throws Problem unprocessable */
function checkChoice({ metadata: { name }, spec }: RecordSchema, { header, columns }: Static<typeof NEW_CHOICE>): void {
  const fault = findColumnFault(spec, { columns });
  if (fault !== null) throw misfit(`The columns do not fit the RecordSchema ${name}: ${fault}.`);
  const there = new Set(header.map(visibleName));
  const absent = columns.find((column) => !there.has(visibleName(column.name)));
  if (absent !== undefined) throw misfit(`The header has no column ${visibleName(absent.name)}.`);
}

function misfit(detail: string): Problem {
  return new Problem('unprocessable', { detail, errors: [{ pointer: '/columns', detail }] });
}

interface Found {
  schema: RecordSchema;
  identity: Identity;
  header: string;
  choice: ColumnChoice | undefined;
}

async function represent(
  { authorizer }: SchemaDeps,
  { schema, identity, header, choice }: Found,
): Promise<Static<typeof CHOICE>> {
  if (choice === undefined) return { header, columns: null };
  const { chosenBy, chosenAt } = choice;
  const question = { resource: 'batchuploads', namespace: schema.metadata.namespace } as const;
  const showsUser = chosenBy === identity.user || (await mayList(authorizer, identity, question));
  return {
    header,
    columns: stillFitting(schema.spec, choice.columns),
    chosenAt: chosenAt.toISOString(),
    ...(showsUser ? { chosenBy } : {}),
  };
}

/** A schema may have lost fields since. */
function stillFitting({ fields }: RecordSchemaSpec, columns: ColumnChoice['columns']): Static<typeof COLUMNS> {
  const names = new Set(fields.map(({ name }) => name));
  return columns.filter(({ field }) => field === undefined || names.has(field)) as Static<typeof COLUMNS>;
}
