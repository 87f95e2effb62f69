/** A divergence as JSON: bigints are hexadecimal text, bytes too. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { Divergence, Place } from '../replay/divergence.ts';

export function divergenceJson({ at, disagreement, before }: Divergence): object {
  return {
    at: placeJson(at),
    disagreement: JSON.parse(JSON.stringify(disagreement, replacer)) as object,
    before: before.map(placeJson),
  };
}

function placeJson({ step, linear, bitness, bytes }: Place): object {
  return { step, linear: hex(linear), bitness, bytes: encodeHex(bytes) };
}

function replacer(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return hex(value);
  return value instanceof Uint8Array ? encodeHex(value) : value;
}
