import { ConfigError } from '#common/config.ts';

/**
 * Reads a variable that holds a JSON object.
 * @returns null without the variable.
 * @throws ConfigError that shows the example where the variable is no JSON object
 */
export function jsonObject(env: NodeJS.ProcessEnv, name: string, example: object): object | null {
  const text = env[name];
  if (!text) return null;
  const wrong = () => new ConfigError(`${name} must be a JSON object such as ${JSON.stringify(example)}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong();
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong();
  return value;
}
