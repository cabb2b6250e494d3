/** Ends the API so that the answers that are under way come to their end. */
import type { Clock } from '#common/clock.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';

/**
 * The time in ms that answers get. Together with the chart's preStop hook, ANSWER_MS and the closing of all connections it
 * is shorter than the chart's terminationGracePeriodSeconds of the gateway.
 */
export const DRAIN_MS = 45_000;
/** A request that was told to stop still answers why. */
const ANSWER_MS = 1_000;
const LOOK_MS = 50;

export interface DrainOptions {
  clock: Clock;
  limitMs: number;
  /** Stops what requests have begun, when their time is over. */
  cut(): void;
}

/**
 * @returns a function that ends the API: new requests are refused, connections without a request end at once, and the
 * others when they have their answer.
 */
export function prepareDrain(app: GatewayApp): (options: DrainOptions) => Promise<void> {
  const { server } = app;
  let requests = 0;
  server.on('request', (_request, response) => {
    requests += 1;
    response.once('close', () => {
      requests -= 1;
    });
  });
  return async ({ clock, limitMs, cut }) => {
    const cancels = [
      clock.schedule(limitMs, cut),
      clock.schedule(limitMs + ANSWER_MS, () => server.closeAllConnections()),
    ];
    const look = setInterval(() => {
      // Node takes a connection on which no request has come yet for one that is not idle.
      if (requests === 0) server.closeAllConnections();
      else server.closeIdleConnections();
    }, LOOK_MS);
    try {
      await app.close();
    } finally {
      clearInterval(look);
      for (const cancel of cancels) cancel();
    }
  };
}
