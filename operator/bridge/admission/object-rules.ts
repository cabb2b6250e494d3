/** Which objects a source means, and which schema they get. Pure. */
import type { IgnoredReason } from '#api/upload-source-conditions.ts';
import { isWorkKey } from '#common/job-contract.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { canBeKey, KEY_INVALID } from '#operator/bridge/events/event-key.ts';
import { compilePattern } from '#runner/record-processor.ts';

export interface Refusal {
  reason: IgnoredReason;
  message: string;
}

export type Judgement = { meant: true; schemaName: string } | ({ meant: false } & Refusal);

export interface ObjectRules {
  /** By bucket and key alone. */
  judge(object: { bucket: string; key: string }): Judgement;
  /** Null when the size is meant. */
  judgeSize(bytes: number): Refusal | null;
  /** The part of the key that patterns see: after the prefix; of a fetched file its name. */
  relativeKey(key: string): string;
}

type SourceSpec = UploadSource['spec'];

/** @throws SchemaError for a pattern that is not RE2 */
export function compileRules({ metadata, spec }: UploadSource): ObjectRules {
  const prefix = watchedPrefix(metadata.namespace, metadata.name, spec);
  const moved = movedPrefix(spec, prefix);
  const { suffixes, minBytes, maxBytes } = spec.filter;
  const pattern = spec.filter.pattern === undefined ? null : compilePattern(spec.filter.pattern, 'spec.filter.pattern');
  const chooseSchema = compileSchemas(spec.schemas);
  const relativeKey = (key: string) => (spec.sftp ? (key.split('/').at(-1) ?? key) : key.slice(prefix.length));

  return {
    relativeKey,
    judge({ bucket, key }) {
      if (bucket !== spec.s3.bucket) {
        return refuse('OtherBucket', `The bucket ${bucket} is not spec.s3.bucket, ${spec.s3.bucket}.`);
      }
      if (!key.startsWith(prefix)) return refuse('OtherPrefix', `The key does not begin with ${prefix}.`);
      // A list tells of whatever the storage holds; one key that the ledger can't be asked for would hold up all of its
      // page.
      if (!canBeKey(key)) return refuse('KeyInvalid', KEY_INVALID);
      if (isWorkKey(key)) return filtered('A copy that the product keeps of a file while it is loaded.');
      if (moved !== null && key.startsWith(moved)) return filtered('It was moved here after it had been loaded.');
      if (key.endsWith('/')) return refuse('Folder', 'The key stands for a folder.');
      if (suffixes && !suffixes.some((suffix) => key.endsWith(suffix))) {
        return filtered(`The key ends in none of spec.filter.suffixes (${suffixes.join(', ')}).`);
      }
      const relative = relativeKey(key);
      if (pattern !== null && !pattern.test(relative)) return filtered('spec.filter.pattern does not match.');
      const schemaName = chooseSchema(relative);
      if (schemaName === null) {
        return refuse('NoSchemaFits', 'No entry of spec.schemas fits: add one, or one without prefix and pattern.');
      }
      return { meant: true, schemaName };
    },
    judgeSize(bytes) {
      if (bytes < minBytes)
        return { reason: 'Filtered', message: `${bytes} bytes: spec.filter.minBytes is ${minBytes}.` };
      if (maxBytes !== undefined && bytes > maxBytes) {
        return { reason: 'Filtered', message: `${bytes} bytes: spec.filter.maxBytes is ${maxBytes}.` };
      }
      return null;
    },
  };
}

/** What the keys of a source begin with. */
export function watchedPrefix(namespace: string, name: string, { s3, sftp }: SourceSpec): string {
  return sftp ? `${sftp.uploadPrefix}${namespace}/${name}/` : s3.prefix;
}

/** Null where nothing is moved, or where what is watched lies below: the move itself refuses to put anything there. */
function movedPrefix({ afterSuccess }: SourceSpec, watched: string): string | null {
  const { action, prefix } = afterSuccess;
  return action === 'Move' && prefix && !watched.startsWith(prefix) ? prefix : null;
}

function compileSchemas(schemas: SourceSpec['schemas']): (relativeKey: string) => string | null {
  const entries = schemas.map(({ prefix, pattern, schemaRef }, at) => {
    const compiled = pattern === undefined ? null : compilePattern(pattern, `spec.schemas[${at}].pattern`);
    const fits = (key: string) => (compiled ? compiled.test(key) : prefix === undefined || key.startsWith(prefix));
    return { fits, name: schemaRef.name };
  });
  return (key) => entries.find(({ fits }) => fits(key))?.name ?? null;
}

function refuse(reason: IgnoredReason, message: string): Judgement {
  return { meant: false, reason, message };
}

function filtered(message: string): Judgement {
  return refuse('Filtered', message);
}
