/** The problems of the API as the responses of its description. Pure. */
import { STATUS_CODES } from 'node:http';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { ApiOperation } from './api-document.ts';
import { PROBLEMS, Problem, type ProblemType } from './problem.ts';

export const PROBLEM_SCHEMA: OpenAPIV3_1.SchemaObject = {
  type: 'object',
  description: 'Why a request was refused (RFC 9457).',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'The kind of problem, which stays the same.' },
    title: { type: 'string', description: 'The kind of problem in words.' },
    status: { type: 'integer', description: 'The status of the answer.' },
    detail: { type: 'string', description: 'What was wrong with this request, and what to do.' },
    instance: { type: 'string', description: 'The path of the request.' },
    errors: {
      type: 'array',
      description: 'Each part of the request that is wrong.',
      items: {
        type: 'object',
        required: ['detail'],
        properties: {
          pointer: { type: 'string', description: 'A JSON pointer into the body.' },
          parameter: { type: 'string', description: 'The name of a parameter.' },
          header: { type: 'string', description: 'The name of a header.' },
          detail: { type: 'string', description: 'What is wrong with this part.' },
        },
      },
    },
  },
};

const OTHER = 'OtherProblem';
const nameOf = (status: number) => `Problem${status}`;
const typesOf = (status: number) =>
  (Object.keys(PROBLEMS) as ProblemType[]).filter((type) => PROBLEMS[type].status === status);

/** One response for each status that a problem can have, with each kind of problem as an example. */
export function describeProblems(): Record<string, OpenAPIV3_1.ResponseObject> {
  const statuses = [...new Set(Object.values(PROBLEMS).map(({ status }) => status))];
  return {
    ...Object.fromEntries(statuses.map((status) => [nameOf(status), describeStatus(status)])),
    [OTHER]: {
      description: 'Any other refusal.',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  };
}

function describeStatus(status: number): OpenAPIV3_1.ResponseObject {
  const types = typesOf(status);
  const examples = types.map((type) => [
    type,
    { value: new Problem(type, { detail: `${PROBLEMS[type].title}: this text says why, and what to do.` }).toJSON() },
  ]);
  return {
    description: types.map((type) => `${PROBLEMS[type].title}.`).join(' '),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(examples),
      },
    },
  };
}

/** The answers of an operation, where every refusal is a problem, and `default` stands for one that nothing names. */
export function documentProblems(operation: ApiOperation): OpenAPIV3_1.ResponsesObject {
  const own = Object.entries(operation.responses ?? {}).map(([status, response]) => [
    status,
    describe(status, response),
  ]);
  const named = own.map(([status]) => Number(status)).filter((status) => status >= 400 && typesOf(status).length > 0);
  const statuses = [...new Set([...named, ...refusalsOf(operation)])].toSorted((a, b) => a - b);
  const toProblem = (name: string) => ({ $ref: `#/components/responses/${name}` });
  return {
    ...Object.fromEntries(own),
    ...Object.fromEntries(statuses.map((status) => [status, toProblem(nameOf(status))])),
    default: toProblem(OTHER),
  };
}

/** The text that stands where the schema of a response has no description is of no use. */
function describe(status: string, response: OpenAPIV3_1.ResponsesObject[string]) {
  const isDescribed = '$ref' in response || response.description !== 'Default Response';
  return isDescribed ? response : { ...response, description: `${STATUS_CODES[status] ?? 'Done'}.` };
}

/** The statuses with which an operation of this form can be refused, whatever it does. */
function refusalsOf({ parameters = [], requestBody, 'x-access': access }: ApiOperation): number[] {
  const hasHeader = (name: string) => parameters.some((each) => 'name' in each && each.name.toLowerCase() === name);
  return [
    500,
    ...(parameters.length > 0 ? [400] : []),
    ...(access === undefined ? [] : [401, 403, 404, 429, 503]),
    ...(requestBody === undefined ? [] : [400, 409, 413, 415, 422]),
    ...(hasHeader('if-match') ? [409, 412] : []),
    ...(hasHeader('idempotency-key') ? [409, 422] : []),
  ];
}
