/** Prints the CORS rules that a bucket needs, so that web pages may put files into it. */
import { ConfigError } from '#common/config.ts';
import { GATEWAY_ENV } from './config/gateway-config.ts';
import { corsConfiguration } from './gateway/files/bucket-cors.ts';

/** @returns the exit code. @throws ConfigError */
export function printCors(origins: readonly string[]): number {
  if (origins.length === 0) {
    throw new ConfigError(
      `${GATEWAY_ENV.allowedOrigins} names no origins of web pages: set the chart's value gateway.page.origin or gateway.allowedOrigins, or name the origins: operator print-cors https://pages.example.com`,
    );
  }
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    throw new ConfigError(`${origin} is not an origin, such as https://pages.example.com or http://localhost:8080`);
  }
  process.stdout.write(`${JSON.stringify(corsConfiguration(origins), null, 2)}\n`);
  return 0;
}
