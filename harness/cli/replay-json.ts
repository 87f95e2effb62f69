/** A divergence and what rules found, as JSON. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { Divergence, Place } from '../replay/divergence.ts';
import { plainJson } from './plain-json.ts';

export function divergenceJson({ at, disagreement, before }: Divergence): object {
  return {
    at: placeJson(at),
    disagreement: plainJson(disagreement),
    before: before.map(placeJson),
  };
}

function placeJson({ step, linear, bitness, bytes }: Place): object {
  return { step, linear: hex(linear), bitness, bytes: encodeHex(bytes) };
}
