/** Sessions of people who signed in to the staff page: all that a session is stands in the browser's cookie, encrypted. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '#common/clock.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { unauthenticated } from '#operator/gateway/http/refusals.ts';
import type { Identity, Session, Sessions } from '#operator/gateway/model/types.ts';
import { hasCookie, readCookie, SESSION_COOKIE, setCookie } from './cookies.ts';
import type { EndedSessions } from './ended-sessions.ts';
import type { Seal } from './seal.ts';

export interface SessionStore extends Sessions {
  /** Begins a session with an id and a token of its own. @returns its cookies; null when the names are too long for them */
  begin(person: Pick<Session, 'displayName'> & { identity: Identity }): Promise<string[] | null>;
  /** @throws Problem forbidden when a page of another site has sent the request */
  assertOwnOrigin(request: FastifyRequest): void;
  /** Ends the session at all replicas. @throws Problem unavailable: the session goes on then */
  end(session: Session): Promise<void>;
}

/** The content of the cookie. */
interface Sealed {
  id: string;
  csrf: string;
  name: string;
  user: string;
  groups: readonly string[];
  /** Epoch ms. */
  from: number;
  /** Epoch ms. */
  until: number;
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
const randomText = () => randomBytes(18).toString('base64url');

export function createSessions({
  origin,
  sessionHours,
  seal,
  ended,
  clock,
}: {
  origin: string;
  sessionHours: number;
  seal: Seal;
  ended: EndedSessions;
  clock: Clock;
}): SessionStore {
  const read: Sessions['read'] = async ({ raw }) => {
    const text = readCookie(raw, SESSION_COOKIE);
    if (text === null) return null;
    const sealed = (await seal.open('session', text)) as Sealed | null;
    if (sealed === null) throw unauthenticated('The session is not one of this gateway. Sign in again.');
    if (clock.now() >= sealed.until) throw unauthenticated('The session has expired. Sign in again.');
    const session = toSession(sealed);
    if (ended.has(session)) throw unauthenticated('The session was signed out. Sign in again.');
    return session;
  };

  /** What nobody can say ends nothing that runs. */
  const hasEnded = (session: Pick<Session, 'id' | 'issuedAt'>) => {
    try {
      return ended.has(session);
    } catch {
      return false;
    }
  };

  const assertFromPage: Sessions['assertFromPage'] = (request, session, token) => {
    assertSameOrigin(request, origin);
    if (isSame(token, session.csrf)) return;
    throw new Problem('forbidden', {
      detail:
        'The request lacks the token of the session, or has that of another one: a page of somebody else may have sent it. Load the page again, and send it from there.',
    });
  };

  return {
    claims: ({ raw }) => hasCookie(raw, SESSION_COOKIE),
    read,
    assertFromPage,
    assertOwnOrigin: (request) => assertSameOrigin(request, origin),
    async identify(request) {
      assertSameSite(request);
      const session = await read(request);
      if (session === null) throw unauthenticated('The request has no session. Sign in.');
      if (!SAFE_METHODS.includes(request.method)) assertFromPage(request, session, request.headers['x-csrf-token']);
      return session.identity;
    },
    onEnd({ id, issuedAt }, listener) {
      const look = () => {
        if (hasEnded({ id, issuedAt })) listener();
      };
      const stop = ended.onChange(look);
      look();
      return stop;
    },
    async begin({ displayName, identity: { user, groups } }) {
      const from = clock.now();
      const until = from + sessionHours * 3_600_000;
      const sealed: Sealed = { id: randomText(), csrf: randomText(), name: displayName, user, groups, from, until };
      return setCookie(SESSION_COOKIE, await seal.seal('session', sealed));
    },
    end: (session) => ended.add(session),
  };
}

function toSession({ id, csrf, name, user, groups, from, until }: Sealed): Session {
  const identity: Identity = {
    user,
    groups,
    proof: 'Session',
    namespace: null,
    expiresAt: until,
    session: { id, issuedAt: from },
  };
  return { id, csrf, displayName: name, identity, issuedAt: from, expiresAt: until };
}

/** Browsers say themselves where a request comes from; other programs leave the header out, and no page can. */
function assertSameSite({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw unauthenticated(
    'The request comes from a page of another site, for which a session is no proof. Send it from the page of this gateway.',
  );
}

function assertSameOrigin(request: FastifyRequest, wanted: string): void {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if ((origin === undefined || origin === wanted) && (site === undefined || site === 'same-origin')) return;
  throw new Problem('forbidden', {
    detail: `The request comes from a page of another site than ${wanted}. Send it from the page there.`,
  });
}

function isSame(given: unknown, wanted: string): boolean {
  if (typeof given !== 'string') return false;
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
