/** Requests over one SSH connection as promises. One that gets no answer in time ends the connection. */
import type { Client } from 'ssh2';
import type { Fault } from '#common/faults.ts';
import { answerFault, SFTP_REASONS, sftpFault } from './fault.ts';

export interface RequestsOptions {
  server: { host: string; port: number };
  requestMs: number;
  signal: AbortSignal;
}

export interface Requests {
  readonly ended: boolean;
  /** `start` gets a callback in Node's style. @throws Fault, or the signal's reason */
  send<T>(what: string, path: string, start: (done: (error?: unknown, value?: T) => void) => void): Promise<T>;
  /** Closes the connection. All requests that wait, and all later ones, fail with this reason. */
  end(reason: unknown): void;
  /** Ends the requests because the connection was lost. */
  lose(cause?: unknown): void;
}

export function createRequests(client: Client, { server, requestMs, signal }: RequestsOptions): Requests {
  const where = `${server.host}:${server.port}`;
  /** Requests without an answer, the oldest first. The key is the function that fails the request. */
  const waiting = new Map<(fault: unknown) => void, { since: number; what: string }>();
  let endReason: unknown;

  function end(reason: unknown): void {
    if (endReason !== undefined) return;
    endReason = reason;
    signal.removeEventListener('abort', stop);
    clearInterval(watch);
    client.destroy();
    for (const fail of [...waiting.keys()]) fail(reason);
  }

  // One timer serves all requests, since a transfer has thousands a second. A server that leaves one request without an
  // answer gets no other request over the same connection.
  const watch = setInterval(() => {
    for (const { since, what } of waiting.values()) {
      if (performance.now() - since >= requestMs) end(silentFault(where, what, requestMs));
      return;
    }
  }, requestMs / 8);
  const stop = () => end(signal.reason);
  const lose = (cause?: unknown) => end(lostFault(where, cause));
  signal.addEventListener('abort', stop, { once: true });
  client.on('error', lose);
  client.once('close', () => lose());
  if (signal.aborted) stop();

  return {
    get ended() {
      return endReason !== undefined;
    },
    send<T>(what: string, path: string, start: (done: (error?: unknown, value?: T) => void) => void) {
      return new Promise<T>((resolve, reject) => {
        if (endReason !== undefined) {
          reject(endReason);
          return;
        }
        const fail = (reason: unknown) => {
          waiting.delete(fail);
          reject(reason);
        };
        waiting.set(fail, { since: performance.now(), what });
        try {
          start((error, value) => {
            // An SFTP server's refusal has a number as its code; every other error means that the connection has ended.
            if (!error) {
              waiting.delete(fail);
              resolve(value as T);
            } else if (typeof (error as { code?: unknown }).code === 'number') fail(answerFault(error, what, path));
            else lose(error);
          });
        } catch (error) {
          lose(error);
        }
      });
    },
    end,
    lose,
  };
}

function lostFault(where: string, cause: unknown): Fault {
  return sftpFault('SFTP_CONNECTION', SFTP_REASONS.connectionLost, `The connection to ${where} was lost.`, { cause });
}

function silentFault(where: string, what: string, requestMs: number): Fault {
  const message = `The server ${where} gave no answer within ${requestMs / 1000} s (${what}). The bridge tries again.`;
  return sftpFault('SFTP_TIMEOUT', SFTP_REASONS.noAnswer, message);
}
