/** Decides which objects a source accepts, and which schema each of them gets. Pure. */
import type { IgnoredReason } from '#api/upload-source-conditions.ts';
import { isWorkKey } from '#common/job-contract.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { canBeKey, KEY_INVALID } from '#operator/bridge/events/event-key.ts';
import { compilePattern } from '#runner/patterns.ts';

export interface Refusal {
  reason: IgnoredReason;
  message: string;
}

export type Judgement = { accepted: true; schemaName: string } | ({ accepted: false } & Refusal);

export interface ObjectRules {
  judge(object: { bucket: string; key: string }): Judgement;
  /** Null when the size is accepted. */
  judgeSize(bytes: number): Refusal | null;
  /**
   * The part of the key that patterns are matched against: the rest after the prefix, or the name of a fetched file.
   */
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
      // A list contains every key of the storage. With one invalid key the ledger query of its whole page would fail.
      if (!canBeKey(key)) return refuse('KeyInvalid', KEY_INVALID);
      if (isWorkKey(key)) return filtered('The object is a work copy that BatchUpload keeps while it loads a file.');
      if (moved !== null && key.startsWith(moved)) {
        return filtered('The key is under spec.afterSuccess.prefix, to which loaded files are moved.');
      }
      if (key.endsWith('/')) return refuse('Folder', 'The key ends with a slash, so that it stands for a folder.');
      if (suffixes && !suffixes.some((suffix) => key.endsWith(suffix))) {
        return filtered(`The key ends in none of spec.filter.suffixes (${suffixes.join(', ')}).`);
      }
      const relative = relativeKey(key);
      if (pattern !== null && !pattern.test(relative)) return filtered('The key does not match spec.filter.pattern.');
      const schemaName = chooseSchema(relative);
      if (schemaName === null) {
        return refuse(
          'NoSchemaFits',
          'No entry of spec.schemas matches the key. Add an entry that does, or one without prefix and pattern.',
        );
      }
      return { accepted: true, schemaName };
    },
    judgeSize(bytes) {
      if (bytes < minBytes) {
        return {
          reason: 'Filtered',
          message: `The object has ${bytes} bytes, less than spec.filter.minBytes, ${minBytes}.`,
        };
      }
      if (maxBytes !== undefined && bytes > maxBytes) {
        return {
          reason: 'Filtered',
          message: `The object has ${bytes} bytes, more than spec.filter.maxBytes, ${maxBytes}.`,
        };
      }
      return null;
    },
  };
}

/** The prefix of all keys that a source accepts. */
export function watchedPrefix(namespace: string, name: string, { s3, sftp }: SourceSpec): string {
  return sftp ? `${sftp.uploadPrefix}${namespace}/${name}/` : s3.prefix;
}

/**
 * The prefix under which keys are ignored, since loaded files are moved there. Null when nothing is moved, or when the
 * watched prefix lies under it; then the move refuses every target under the watched prefix.
 */
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
  return { accepted: false, reason, message };
}

function filtered(message: string): Judgement {
  return refuse('Filtered', message);
}
