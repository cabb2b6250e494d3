import { InvalidArgumentError } from 'commander';

/** @throws InvalidArgumentError */
export function readCount(text: string): number {
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 0 to 999999.');
}
