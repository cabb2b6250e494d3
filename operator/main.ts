/** The control plane: `node operator/main.ts [controller | print-migrations]`. */
import { migrationScript } from '#runner/ledger/migrate.ts';
import { createLogger } from '#runner/telemetry/log.ts';
import { ConfigError, readConfig } from './config.ts';
import { runController } from './run-controller.ts';

async function main(): Promise<number> {
  const command = process.argv[2] ?? 'controller';
  switch (command) {
    case 'controller':
      return runController(readConfig(process.env));
    case 'print-migrations':
      process.stdout.write(await migrationScript());
      return 0;
    default:
      process.stderr.write('Usage: operator [controller | print-migrations]\n');
      return 2;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  else createLogger('info').fatal({ err: error }, 'the operator cannot go on');
  process.exitCode = 1;
}
