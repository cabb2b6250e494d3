/** API paths of resource types and objects. */
import type { KubeObject, ObjectRef, ResourceType } from './types.ts';

export const apiVersion = (type: ResourceType) => (type.group === '' ? type.version : `${type.group}/${type.version}`);

export const typed = <T extends KubeObject>(type: ResourceType<T>, object: T): T => ({
  ...object,
  apiVersion: apiVersion(type),
  kind: type.kind,
});

/** `/api/v1/namespaces/n/pods`, `/apis/batch/v1/jobs`, ... */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

export function creationPath(type: ResourceType, { metadata }: KubeObject): string {
  if (type.namespaced && !metadata?.namespace) throw new TypeError(`${type.kind}: the namespace is missing`);
  return collectionPath(type, metadata?.namespace);
}

export function objectPath(type: ResourceType, ref: ObjectRef, subresource?: string): string {
  // An empty name or a dot would address the whole collection, and a delete would delete everything.
  if (['', '.', '..'].includes(ref.name)) throw new TypeError(`${type.kind}: "${ref.name}" is not a name`);
  if (type.namespaced && !ref.namespace) throw new TypeError(`${type.kind} ${ref.name}: the namespace is missing`);
  const path = `${collectionPath(type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function refOf(type: ResourceType, { metadata }: KubeObject): ObjectRef {
  return { name: metadata?.name ?? '', namespace: type.namespaced ? metadata?.namespace : undefined };
}
