import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { createRangeHandler } from './http-range.ts';
import type { S3Location } from './s3-location.ts';

/** Makes the S3 client of an upload. Credentials, and settings that the spec leaves out, come from `env`. */
export function createS3Client(request: S3Location, env: NodeJS.ProcessEnv): S3Client {
  const endpoint = request.endpoint ?? (env['AWS_ENDPOINT_URL_S3'] || undefined);
  const config: S3ClientConfig = {
    region: request.region ?? (env['AWS_REGION'] || 'us-east-1'),
    forcePathStyle: request.forcePathStyle ?? endpoint !== undefined,
    // retry.ts and read-object.ts retry instead: they resume a stream that breaks in the middle, which the SDK cannot
    // do.
    maxAttempts: 1,
    // Some S3 servers other than AWS do not know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint ? { endpoint } : {}),
  };
  const client = new S3Client(config);
  client.config.requestHandler = createRangeHandler(client.config.requestHandler);
  return client;
}

/** The clients of one process. Uploads of the same storage share one, and so its connections. */
export class S3Clients {
  readonly #env: NodeJS.ProcessEnv;
  readonly #clients = new Map<string, S3Client>();

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  get({ region, endpoint, forcePathStyle, bucket, key }: S3Location): S3Client {
    const place = JSON.stringify([region, endpoint, forcePathStyle]);
    const known = this.#clients.get(place);
    if (known) return known;
    const client = createS3Client(
      {
        bucket,
        key,
        ...(region === undefined ? {} : { region }),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
      },
      this.#env,
    );
    this.#clients.set(place, client);
    return client;
  }

  destroy(): void {
    for (const client of this.#clients.values()) client.destroy();
    this.#clients.clear();
  }
}
