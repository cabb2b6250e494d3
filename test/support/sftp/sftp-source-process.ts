/** The program of `startSourceProcess`: runs one SFTP source with the settings from its standard input. */
import { readFileSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { createPartBuffers } from '#operator/bridge/sftp/part-buffers.ts';
import { runSftpSource } from '#operator/bridge/sftp/run-sftp-source.ts';
import { readPeakMemory } from '#runner/telemetry/peak-memory.ts';
import { type SourceLine, type SourceSettings, s3ClientOf } from './sftp-source.ts';

const settings = (await json(process.stdin)) as SourceSettings;
const write = (line: SourceLine) => process.stdout.write(`${JSON.stringify(line)}\n`);
const log = (fields: object, message: string) => write({ kind: 'log', message, fields: { ...fields } });
const stop = new AbortController();
let files = 0;

await runSftpSource(
  {
    namespace: 'ns',
    name: 'partner',
    uploadPrefix: 'raw-uploads/',
    intervalSeconds: 5,
    settleSeconds: 0,
    directory: settings.directory,
    afterFetch: settings.afterFetch,
    bucket: settings.bucket,
    server: { host: '127.0.0.1', port: settings.port, username: settings.username },
    s3: s3ClientOf(settings.s3),
    readSecret: async () => ({ name: 'partner', privateKey: settings.privateKey, knownHosts: settings.knownHosts }),
    async admit(notices) {
      for (const { key, size, eTag } of notices) write({ kind: 'admitted', notice: { key, size: size!, eTag: eTag! } });
      return notices.map(({ key }) => ({ kind: 'Created' as const, name: key }));
    },
    status: {
      listed() {
        if (files === settings.files) stop.abort();
      },
      failing: (key, reason, message) => void write({ kind: 'failing', key, reason, message }),
      recovered() {},
      ignored() {},
      lag() {},
    },
    buffers: createPartBuffers(),
    log: {
      debug() {},
      warn: log,
      error: log,
      info(fields, message) {
        log(fields, message);
        if (message === 'remote file handed on') files += 1;
      },
    },
  },
  stop.signal,
);
const { userCPUTime, systemCPUTime } = process.resourceUsage();
const { peakRssBytes } = await readPeakMemory();
const [, fileRss] = /RssFile:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
write({
  kind: 'ended',
  maxRssBytes: peakRssBytes,
  fileRssBytes: Number(fileRss) * 1024,
  cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
});
process.exit(0);
