/** Values as JSON has them: bigints and bytes are hexadecimal text. */
import { encodeHex, hex } from '../bits/hex.ts';

export function plainJson(value: object): object {
  return JSON.parse(JSON.stringify(value, replacer)) as object;
}

function replacer(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return hex(value);
  return value instanceof Uint8Array ? encodeHex(value) : value;
}
