/** Says to which storage servers the access keys of a namespace may be sent. Pure. */
import { Fault } from '#common/faults.ts';

export interface AllowedEndpoints {
  /** The endpoint of the Secret, which whoever gave the access keys has chosen; undefined for AWS. */
  own: string | undefined;
  /** Origins (`https://minio.example.com:9000`), hosts with a port, or host names, which stand for each port. */
  allowed: readonly string[];
}

/** Names under which clouds serve credentials of machines. */
const METADATA_HOSTS = new Set(['metadata.google.internal', 'metadata', 'instance-data', '100.100.100.200']);

/**
 * Hosts of S3 and SQS. Below amazonaws.com are also the servers of customers, such as
 * `<id>.execute-api.<region>.amazonaws.com`.
 */
const AWS_STORAGE =
  /^([a-z0-9.-]+\.)?(s3|s3-[a-z0-9-]+|s3express-[a-z0-9-]+|sqs|sqs-fips|queue)(\.dualstack)?(\.[a-z]{2}(-[a-z]+)+-\d+)?(\.vpce)?\.amazonaws\.com(\.cn)?$/;

/**
 * Says why an endpoint that a resource names may not be used; null when it may. Whoever may write the resource would
 * otherwise send the namespace's keys to any server, or read any server that a pod reaches.
 */
export function refuseEndpoint(endpoint: string | undefined, { own, allowed }: AllowedEndpoints): string | null {
  const used = endpoint ?? own;
  if (used === undefined || used === '') return null;
  const url = URL.canParse(used) ? new URL(used) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    return `The endpoint ${shown(used)} is not the URL of a server, such as https://minio.example.com:9000.`;
  }
  if (isMetadata(url.hostname)) {
    return `The endpoint ${url.origin} is an address of the machine or of its cloud, which no upload may read. Name the address of the storage or queue server.`;
  }
  if (endpoint === undefined || url.origin === originOf(own)) return null;
  if (url.protocol === 'https:' && AWS_STORAGE.test(url.hostname)) return null;
  const hosts = [url.hostname, `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`];
  if (allowed.some((entry) => hosts.includes(entry.toLowerCase()) || originOf(entry) === url.origin)) return null;
  return `The endpoint ${url.origin} is not allowed here. Leave it out, so that the endpoint of the Secret is used, or add it to the chart's value uploads.allowedEndpoints.`;
}

/** @throws Fault CFG_ENDPOINT (permanent, reason EndpointNotAllowed) */
export function assertEndpoint(endpoint: string | undefined, allowed: AllowedEndpoints): void {
  const message = refuseEndpoint(endpoint, allowed);
  if (message !== null) {
    throw new Fault({ code: 'CFG_ENDPOINT', category: 'permanent', reason: 'EndpointNotAllowed', message });
  }
}

/** Link-local addresses (RFC 3927, RFC 4291) and the metadata servers of clouds. URL writes each IPv4 address in one way. */
function isMetadata(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$|\.$/g, '');
  return (
    METADATA_HOSTS.has(host) ||
    /^169\.254\./.test(host) ||
    /^fe[89ab][0-9a-f]:/.test(host) ||
    /^::ffff:a9fe:/.test(host) ||
    host === 'fd00:ec2::254'
  );
}

function originOf(text: string | undefined): string | null {
  return text !== undefined && URL.canParse(text) ? new URL(text).origin : null;
}

/** A text that is not a URL may hold a password. */
function shown(text: string): string {
  return text.includes('@') ? '(not shown, because it has an @)' : text;
}
