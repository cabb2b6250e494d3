import type { Cluster } from '#support/cluster/cluster.ts';

/** The audience of the tokens that the gateway believes: the chart's default of `gateway.tokenAudience`. */
export const AUDIENCE = 'batch-upload-gateway';
/** The node port of the gateway's Service in test/cluster/values.yaml. */
const NODE_PORT = 30_091;

/** @returns where this machine reaches the gateway of the cluster */
export async function findGateway(cluster: Pick<Cluster, 'kubectl'>): Promise<string> {
  const path = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const addresses = await cluster.kubectl('get', 'nodes', '-o', `jsonpath=${path}`);
  return `http://${addresses.split(' ')[0]}:${NODE_PORT}`;
}
