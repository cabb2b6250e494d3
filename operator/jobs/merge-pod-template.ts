/**
 * Merges what the chart and an upload say of the upload's pods. Pure.
 *
 * | field                              | the chart's and the upload's                        |
 * |------------------------------------|-----------------------------------------------------|
 * | labels, annotations, nodeSelector  | both; of a key that both have, the upload's value   |
 * | tolerations                        | both                                                |
 * | every other field                  | the upload's, and the chart's where it has none     |
 */
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { AskedPodTemplate, RunnerResources, RunnerSettings } from '#operator/config/runner-settings.ts';

type AskedPodSpec = NonNullable<AskedPodTemplate['spec']>;

export interface MergedPodTemplate {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  resources: RunnerResources;
  /** The fields of the pod's spec besides the resources. A field that says nothing is absent. */
  spec: Omit<AskedPodSpec, 'resources'>;
}

/**
 * The beginnings of labels and annotations that nobody else sets. The CRD refuses them, too: the first is the operator's,
 * and by the second an annotation would take a pod's AppArmor profile away.
 */
const RESERVED = ['batchupload.dev/', 'container.apparmor.security.beta.kubernetes.io/'];

export function mergePodTemplate({
  upload,
  settings,
}: {
  upload: Pick<BatchUpload, 'spec'>;
  settings: Pick<RunnerSettings, 'resources' | 'podTemplate' | 'serviceAccountNames'>;
}): MergedPodTemplate {
  const { metadata: chartMeta = {}, spec: chart = {} } = settings.podTemplate;
  const { metadata: ownMeta = {}, spec: own = {} } = upload.spec.podTemplate ?? {};
  const resources = own.resources ?? chart.resources;
  return {
    labels: withoutReserved({ ...chartMeta.labels, ...ownMeta.labels }),
    annotations: withoutReserved({ ...chartMeta.annotations, ...ownMeta.annotations }),
    resources: resources ? toQuantities(resources) : settings.resources,
    spec: withoutEmpty({
      nodeSelector: { ...chart.nodeSelector, ...own.nodeSelector },
      tolerations: [...(chart.tolerations ?? []), ...(own.tolerations ?? [])],
      affinity: own.affinity ?? chart.affinity,
      topologySpreadConstraints: own.topologySpreadConstraints ?? chart.topologySpreadConstraints,
      priorityClassName: own.priorityClassName ?? chart.priorityClassName,
      runtimeClassName: own.runtimeClassName ?? chart.runtimeClassName,
      serviceAccountName: allowedAccount(own, settings) ?? chart.serviceAccountName,
    }),
  };
}

/** No Job gets an account that the chart does not list, whoever has asked for the Job. */
function allowedAccount(
  { serviceAccountName: name }: AskedPodSpec,
  { serviceAccountNames }: Pick<RunnerSettings, 'serviceAccountNames'>,
): string | undefined {
  return name !== undefined && serviceAccountNames.includes(name) ? name : undefined;
}

function withoutReserved(map: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).filter(([name]) => !RESERVED.some((beginning) => name.startsWith(beginning))),
  );
}

/** A quantity may be a number in the resource. */
function toQuantities({ requests = {}, limits = {} }: NonNullable<AskedPodSpec['resources']>): RunnerResources {
  const toTexts = (map: Record<string, string | number>) =>
    Object.fromEntries(Object.entries(map).map(([name, amount]) => [name, String(amount)]));
  return { requests: toTexts(requests), limits: toTexts(limits) };
}

type WithUndefined<T> = { [K in keyof T]: T[K] | undefined };

function withoutEmpty(spec: WithUndefined<MergedPodTemplate['spec']>): MergedPodTemplate['spec'] {
  const says = (value: unknown) =>
    value !== undefined && (typeof value !== 'object' || Object.keys(value as object).length > 0);
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => says(value))) as MergedPodTemplate['spec'];
}
