/** Bytes that no program writes by chance, each a function of its address, and where memory differs from what it held. */
import { MIB } from '../bits/align.ts';

const PERIOD = MIB;

/** xorshift32 (Marsaglia 2003): the same bytes in every run, without repetition in a period. */
function pseudoRandomBytes(sizeBytes: number): Uint8Array {
  const words = new Uint32Array(sizeBytes / 4);
  let state = 0x6c6f_6164;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // Never zero in any byte: zeros are what is written most.
    words[i] = (state | 0x0101_0101) >>> 0;
  }
  return new Uint8Array(words.buffer);
}

// Twice the period: any stretch of up to one period is one view of it.
let doubled: Uint8Array | undefined;

/** The pattern's bytes at an address; at most 1 MiB, and not to be written to. */
export function patternAt(address: number, sizeBytes: number): Uint8Array {
  if (sizeBytes > PERIOD) throw new RangeError(`${sizeBytes} bytes of pattern; at most ${PERIOD} at once`);
  if (!doubled) {
    const once = pseudoRandomBytes(PERIOD);
    doubled = new Uint8Array(2 * PERIOD);
    doubled.set(once);
    doubled.set(once, PERIOD);
  }
  const offset = address % PERIOD;
  return doubled.subarray(offset, offset + sizeBytes);
}

/** Equal bytes between two differing ones, up to which they count as one difference. */
const JOIN_BYTES = 16;

export interface Difference {
  /** Offset of the first byte that differs, and of the first past the last one. */
  readonly from: number;
  readonly to: number;
}

/** Where two stretches of the same length differ: at most `limit` differences, near ones joined. */
export function differences(seen: Uint8Array, wanted: Uint8Array, limit: number): Difference[] {
  const found: Difference[] = [];
  for (let i = 0; i < seen.length; i++) {
    if (seen[i] === wanted[i]) continue;
    const last = found.at(-1);
    if (last && i - last.to < JOIN_BYTES) found[found.length - 1] = { from: last.from, to: i + 1 };
    else if (found.length === limit) return found;
    else found.push({ from: i, to: i + 1 });
  }
  return found;
}
