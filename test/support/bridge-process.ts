/** The command `bridge` as a process, on an API server in memory (API_SERVER), which has no TLS and asks nobody who he is. */
import { readBridgeConfig } from '#operator/bridge/config.ts';
import { runBridge } from '#operator/run-bridge.ts';

process.exitCode = await runBridge(readBridgeConfig(process.env), {
  server: process.env['API_SERVER']!,
  credentials: async () => ({ headers: {}, tls: {} }),
  invalidate() {},
});
