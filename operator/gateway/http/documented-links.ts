/** How a request follows from the answer of another one, for the description of the API. Pure. */
import type { OpenAPIV3_1 } from 'openapi-types';
import type { ApiOperation } from './api-document.ts';

const NAMESPACE = { namespace: '$request.path.namespace' };
const follow = (field: 'id' | 'name', operationId: string, description: string): OpenAPIV3_1.LinkObject => ({
  operationId,
  parameters: { ...NAMESPACE, [field]: `$response.body#/${field}` },
  description,
});

/** By the operationId of the endpoint that answers 201, and then by the name of the link. */
const LINKS: Readonly<Record<string, Record<string, OpenAPIV3_1.LinkObject>>> = {
  createFile: {
    read: follow('id', 'getFile', 'Look at what is known of the file.'),
    signParts: follow('id', 'signFileParts', 'Ask for the URLs of the parts of a large file.'),
    listParts: follow('id', 'listFileParts', 'List the parts that were put.'),
    complete: follow('id', 'completeFile', 'Put the parts together, and look whether the file is the declared one.'),
    remove: follow('id', 'deleteFile', 'Remove a file that is not to be registered.'),
    register: {
      operationId: 'createUpload',
      parameters: NAMESPACE,
      requestBody: { file: '$response.body#/id', schema: 'people' },
      description: 'Register the file by its id when it was put, which starts the upload.',
    },
  },
  createUpload: {
    read: follow('name', 'getUpload', 'Look at the state of the upload.'),
    watch: follow('name', 'watchUpload', 'Follow the upload.'),
    errors: follow('name', 'getErrors', 'Count the failed records.'),
  },
};

/** Adds the links to the answer of an operation that has made something. */
export function addLinks({ operationId = '', responses = {} }: ApiOperation): void {
  const [links, made] = [LINKS[operationId], responses['201']];
  if (links !== undefined && made !== undefined && !('$ref' in made)) made.links = links;
}
