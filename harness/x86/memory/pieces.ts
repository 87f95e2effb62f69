/** An access that crosses a page border is one on either side of it. */
import { PAGE_BYTES } from './physical-memory.ts';

export interface Piece {
  readonly low: number;
  readonly high: number;
  readonly sizeBytes: number;
}

/** The parts of an access on either side of a page border. */
export function pieces(low: number, high: number, sizeBytes: number): Piece[] {
  const first = Math.min(sizeBytes, PAGE_BYTES - (low & 0xfff));
  if (first === sizeBytes) return [{ low, high, sizeBytes }];
  const next = (low + first) | 0;
  const nextHigh = next === 0 && high !== 0 ? (high + 1) | 0 : high;
  return [
    { low, high, sizeBytes: first },
    { low: next, high: nextHigh, sizeBytes: sizeBytes - first },
  ];
}
