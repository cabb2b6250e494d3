/** Senders of the API on the running cluster: service accounts with rights, their tokens, and their requests. */
import { type E2e, NAMESPACE } from '#support/cluster/e2e.ts';
import { AUDIENCE, findGateway } from './origin.ts';

export interface Senders extends AsyncDisposable {
  /** Where this machine reaches the gateway. */
  origin: string;
  /** Makes a service account with these ClusterRoles in the namespace of the tests. @returns its name */
  create(...roles: string[]): Promise<string>;
  userOf(sender: string): string;
  /** A token for the gateway. */
  tokenFor(sender: string): Promise<string>;
  /** A token for the API server, with which the gateway must do nothing. */
  otherTokenFor(sender: string): Promise<string>;
  /** Calls the API, below the path of the namespace. */
  call(path: string, request: RequestInit & { token: string }): Promise<Response>;
}

export async function createSenders({ cluster, unique }: E2e): Promise<Senders> {
  const names: string[] = [];
  const origin = await findGateway(cluster);
  const kubectl = (...args: string[]) => cluster.kubectl('-n', NAMESPACE, ...args);
  return {
    origin,
    async create(...roles) {
      const name = unique('sender');
      names.push(name);
      await cluster.apply(
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: NAMESPACE, name } },
        ...roles.map((role) => ({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata: { namespace: NAMESPACE, name: `${name}-${role}`, labels: { sender: name } },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }],
        })),
      );
      return name;
    },
    userOf: (sender) => `system:serviceaccount:${NAMESPACE}:${sender}`,
    tokenFor: async (sender) => (await kubectl('create', 'token', sender, '--audience', AUDIENCE)).trim(),
    otherTokenFor: async (sender) => (await kubectl('create', 'token', sender)).trim(),
    call(path, { token, ...init }) {
      const type = init.body ? { 'content-type': 'application/json' } : {};
      const headers = { authorization: `Bearer ${token}`, ...type };
      return fetch(`${origin}/v1/namespaces/${NAMESPACE}/${path}`, { ...init, headers });
    },
    async [Symbol.asyncDispose]() {
      for (const name of names) {
        await kubectl('delete', 'serviceaccount', name, '--ignore-not-found');
        await kubectl('delete', 'rolebinding', '-l', `sender=${name}`);
      }
    },
  };
}
