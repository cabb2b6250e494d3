/**
 * Limits the answers of storages and queues. Any user of a namespace can choose their addresses, and no answer may fill
 * the memory that all sources share.
 */
import { pipeline, Readable, Transform } from 'node:stream';

/** A page of a list has up to 1,000 keys of 1,024 bytes, a batch of messages a megabyte; escapes make both longer. */
const MAX_ANSWER_BYTES = 16 * 1024 ** 2;

/** A middleware for the step `deserialize`, before the SDK reads the answer. */
export function limitAnswer<Call, Result extends { response: unknown }>(
  next: (call: Call) => Promise<Result>,
): (call: Call) => Promise<Result> {
  return async (call) => {
    const result = await next(call);
    const response = result.response as { body?: unknown };
    if (response.body instanceof Readable) response.body = limitStream(response.body);
    return result;
  };
}

function limitStream(body: Readable): Readable {
  let length = 0;
  const limit = new Transform({
    transform(piece: Buffer, _encoding, done) {
      length += piece.length;
      if (length > MAX_ANSWER_BYTES) done(new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`));
      else done(null, piece);
    },
  });
  // The reader gets an error of the pipeline, and the pipeline destroys the connection's stream.
  return pipeline(body, limit, () => undefined);
}

export const LIMIT_ANSWER = { step: 'deserialize', priority: 'low', name: 'limitAnswer' } as const;
