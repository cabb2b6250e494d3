/** A stand-in for vitest: starts a PostgreSQL, says its process id, and stays until it is killed. */
import { startPostgres } from '#support/database/postgres.ts';

const { pid } = await startPostgres();
console.log(pid);
setInterval(() => undefined, 1_000);
