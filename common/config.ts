/** Readers of environment variables. The error of a reader names the variable and says which values are allowed. */

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export function list(env: NodeJS.ProcessEnv, name: string, fallback: string[]): string[] {
  const value = env[name];
  if (value === undefined) return fallback;
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function integer(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = env[name];
  if (value === undefined || value === '') return fallback;
  if (!/^\d{1,12}$/.test(value)) throw new ConfigError(`${name} must be a whole number, not "${value}"`);
  return Number(value);
}

export function positive(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = integer(env, name, fallback);
  if (value === 0) throw new ConfigError(`${name} must be at least 1`);
  return value;
}

export function choice<const T extends readonly [string, ...string[]]>(
  env: NodeJS.ProcessEnv,
  name: string,
  allowed: T,
): T[number] {
  const value = env[name];
  if (value === undefined || value === '') return allowed[0];
  if (!allowed.includes(value)) throw new ConfigError(`${name} must be one of ${allowed.join(', ')}, not "${value}"`);
  return value;
}

export function pick(env: NodeJS.ProcessEnv, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
