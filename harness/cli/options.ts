/** Reading option values: one function a kind of value, each with an error that says what is wanted. */
import { InvalidArgumentError } from 'commander';
import { parseHex, hex } from '../bits/hex.ts';
import { closest } from 'fastest-levenshtein';

export function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const known = values.find((value) => value === text);
    if (known === undefined)
      throw new InvalidArgumentError(
        `It is one of ${values.join(', ')}; the nearest to ${JSON.stringify(text)} is ${closest(text, values)}.`,
      );
    return known;
  };
}

/** A comma separated list, collected over repeated options. */
export function listOf<T>(read: (text: string) => T): (text: string, before: T[] | undefined) => T[] {
  return (text, before) => [...(before ?? []), ...text.split(',').map((part) => read(part.trim()))];
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('A whole number of at least 1 is needed.');
  return value;
}

/** Node's timers hold 2^31 − 1 milliseconds; a longer one would fire at once. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

export function positiveSeconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > MAX_SECONDS)
    throw new InvalidArgumentError(`A number of seconds above 0 and up to ${MAX_SECONDS} is needed.`);
  return value;
}

export function regularExpression(text: string): RegExp {
  const expression = compiled(text);
  if (expression.test(''))
    throw new InvalidArgumentError(
      'It matches even an empty line, so nothing would be awaited; say more of the line.',
    );
  return expression;
}

function compiled(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `It is no regular expression: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}

/** @returns `all`, or a load base address below 4 GiB. */
export function baseAddress(text: string): number | 'all' {
  if (text === 'all') return 'all';
  const value = parseHex(text);
  if (value === undefined)
    throw new InvalidArgumentError(
      `${JSON.stringify(text)} is no hexadecimal address such as 0x3e00000, nor “all”.`,
    );
  if (value > 0xffff_ffff)
    throw new InvalidArgumentError(`${hex(value)} is above 4 GiB; 32-bit early boot code cannot run there.`);
  return value;
}
