/** The command `bridge` as a process, on an API server in memory (API_SERVER) without TLS and authentication. */
import { setFlagsFromString } from 'node:v8';

// operator/main.ts sets the same flag before it imports the program.
setFlagsFromString('--optimize-for-size');
const [{ readBridgeConfig }, { runBridge }] = await Promise.all([
  import('#operator/config/bridge-config.ts'),
  import('#operator/run-bridge.ts'),
]);
process.exitCode = await runBridge(readBridgeConfig(process.env), {
  server: process.env['API_SERVER']!,
  credentials: async () => ({ headers: {}, tls: {} }),
  invalidate() {},
});
