/** The certificate of the API, from a folder as Kubernetes mounts it, and its renewal while the gateway runs. */
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ConfigError } from '#common/config.ts';
import type { Logger } from '#common/log.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';

export interface Certificate {
  /** The certificate and its key as they are now. */
  readonly context: SecureContextOptions;
  /** Reads the folder again; new connections get a certificate that has changed. Open connections go on. */
  renew(server: Server): Promise<void>;
  /** Renews the certificate every minute while the app listens. */
  keepFresh(app: GatewayApp): void;
}

/** The kubelet writes a Secret that has changed into the folder within about a minute. */
const RENEW_MS = 60_000;

/** @throws ConfigError that names the folder and what is wrong with it. */
export async function openCertificate(folder: string, { log }: { log: Logger }): Promise<Certificate> {
  let context = await readCertificate(folder);
  const certificate: Certificate = {
    get context() {
      return context;
    },
    async renew(server) {
      try {
        const found = await readCertificate(folder);
        if (`${found.cert}${found.key}` === `${context.cert}${context.key}`) return;
        (server as import('node:https').Server).setSecureContext(found);
        context = found;
        log.info({ folder }, 'certificate renewed');
      } catch (error) {
        // The certificate that is in use may be good for weeks, and Kubernetes writes the folder again.
        log.error(
          { err: error, folder },
          'the renewed certificate cannot be used: the gateway goes on with the old one',
        );
      }
    },
    keepFresh(app) {
      const timer = setInterval(() => void certificate.renew(app.server), RENEW_MS).unref();
      app.addHook('onClose', async () => clearInterval(timer));
    },
  };
  return certificate;
}

async function readCertificate(folder: string): Promise<SecureContextOptions & { cert: string; key: string }> {
  try {
    const [cert, key] = await Promise.all(['tls.crt', 'tls.key'].map((name) => readFile(join(folder, name), 'utf8')));
    const context = { cert: cert!, key: key! };
    // A certificate and a key that do not belong together are refused here.
    createSecureContext(context);
    return context;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      `${folder} has no certificate that can be used (${cause}). The Secret of gateway.tls.secretName must have the type kubernetes.io/tls, with tls.crt and the tls.key that belongs to it.`,
    );
  }
}
