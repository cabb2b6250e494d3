/** The types that cross the rooms of the gateway. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { BatchUpload, RecordSchema } from '#kube/custom-resources.ts';
import type { KubeClient, Reflector } from '#kube/types.ts';
import type { GatewayConfig } from '#operator/config/gateway-config.ts';
import type { Databases } from '#operator/tenancy/databases.ts';
import type { SecretReader, StorageClients } from '#operator/tenancy/storage-clients.ts';
import type { GatewayMetrics } from './metrics.ts';

/** Who sends a request, as Kubernetes names users. */
export interface Identity {
  /** For example `oidc:alice`, `system:serviceaccount:n:name` or `batchupload:partner:<namespace>:<key id>`. */
  user: string;
  groups: readonly string[];
  /** What a TokenReview says besides; it goes into each SubjectAccessReview. */
  uid?: string | undefined;
  extra?: Record<string, string[]> | undefined;
  /** How the identity was proved. */
  proof: 'OpenIDConnect' | 'TokenReview' | 'MessageSignature' | 'Session';
  /** The only namespace in which the identity is valid; null: every namespace. */
  namespace: string | null;
  /** Epoch ms at which the proof must be given anew; a watch ends then. Null: never. */
  expiresAt: number | null;
  /** The session that proves the identity; absent for every other proof. */
  session?: Pick<Session, 'id' | 'issuedAt'>;
}

/** A person who has signed in to the staff page. */
export interface Session {
  id: string;
  /** What a request that changes something must have as the header X-CSRF-Token, or as a field of its form. */
  csrf: string;
  /** For people, and never for rights. */
  displayName: string;
  identity: Identity;
  /** Epoch ms. */
  issuedAt: number;
  /** Epoch ms. */
  expiresAt: number;
}

/** The sessions of the staff page. */
export interface Sessions {
  /** Does the request have a session's cookie, whatever it is worth? */
  claims(request: FastifyRequest): boolean;
  /**
   * The session of the request's cookie; null without one.
   * @throws Problem unauthenticated for a cookie that is not ours, has expired or was signed out; unavailable
   */
  read(request: FastifyRequest): Promise<Session | null>;
  /**
   * Makes sure that a page of the gateway has sent the request, and no page of somebody else.
   * @param token the header X-CSRF-Token, or the field `csrf` of a form
   * @throws Problem forbidden
   */
  assertFromPage(request: FastifyRequest, session: Session, token: unknown): void;
  /**
   * Who sends a request of the API by its cookie alone: no page of somebody else, and with the token where it changes
   * something. @throws Problem unauthenticated, forbidden, unavailable
   */
  identify(request: FastifyRequest): Promise<Identity>;
  /** Calls the listener when the session is signed out, at whichever replica. @returns a function that ends this. */
  onEnd(session: Pick<Session, 'id' | 'issuedAt'>, listener: () => void): () => void;
}

/** A request whose signature is right for everything but the body, which has not come yet. */
export interface SignedRequest {
  /** The user by whose key the head of the request is signed; the request may have been sent before. */
  user: string;
  /**
   * Compares the body with the digest that was signed, and makes sure that the request was never sent before.
   * @throws Problem unauthenticated, unavailable
   */
  confirm(body: Buffer | null): Promise<Identity>;
}

/** What an endpoint asks Kubernetes' RBAC for, in the namespace of the path. */
export interface Access {
  verb: 'create' | 'get' | 'list' | 'watch' | 'patch' | 'delete';
  resource: 'batchuploads' | 'recordschemas';
  /** A virtual subresource, such as `errors`. */
  subresource?: string;
  /**
   * True: who may not do this, but may create uploads, may do it with the uploads that they created themselves. The
   * request's `scope` is then `Own`.
   */
  own?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Absent: the endpoint is open to everybody, as the document of the API is. */
    access?: Access;
    /** True: a page without JavaScript. A session alone is a proof, whose token a POST has in its field `csrf`. */
    isForm?: true;
  }
  interface FastifyRequest {
    /** Set before a handler of an endpoint with an `access` runs. */
    identity: Identity;
    /** Null unless the request is signed. */
    signed: SignedRequest | null;
    /** Null unless the request is for a page without JavaScript, and its session is good. */
    session: Session | null;
    /** `Own`: the handler must show and change only uploads that the identity created. */
    scope: 'All' | 'Own';
    /** The body as it was sent, of which a signature covers the digest. */
    rawBody: Buffer | null;
  }
}

/** A fastify instance whose schemas are written in TypeBox. */
export type GatewayApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface FileLimits {
  /** A file with more bytes is put in parts. */
  onePutBytes: number;
  /** The smallest part. */
  partBytes: number;
  /** The files that one user may have asked for and not registered. */
  unregistered: number;
}

/** What the endpoints need. */
export interface GatewayDeps {
  config: GatewayConfig;
  client: KubeClient;
  /** The metadata.uid of the namespace kube-system, the cluster's id in the ledger. */
  clusterId: string;
  uploads: Reflector<BatchUpload>;
  schemas: Reflector<RecordSchema>;
  databases: Databases;
  secrets: SecretReader;
  storage: StorageClients;
  clock: Clock;
  log: Logger;
  metrics: GatewayMetrics;
  /** Absent when the staff page is off: no cookie is a proof then. */
  sessions?: Sessions | undefined;
  /** Aborts when the program begins to end. Requests that are under way go on. */
  ending: AbortSignal;
  /** Aborts when the time of the requests that are still under way is over, some seconds later. */
  signal: AbortSignal;
  /** Smaller in tests. */
  fileLimits?: FileLimits;
}
