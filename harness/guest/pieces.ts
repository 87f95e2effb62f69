/**
 * Memory that is used again: fresh memory for each of thousands of boots would have to be zeroed by the kernel and swept up
 * by the collector, which costs more than what is done with it.
 */
import { MIB } from '../bits/align.ts';
import type { MemoryView } from './guest-view.ts';

export const PIECE_BYTES = MIB;

const spare: Uint8Array[] = [];
const MAX_SPARE = 128;

/** PIECE_BYTES of memory that holds anything. */
export function takePiece(): Uint8Array {
  return spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
}

/** Nobody holds it any more. */
export function givePiece(piece: Uint8Array): void {
  if (spare.length < MAX_SPARE) spare.push(piece);
}

const ZEROS = new Uint8Array(PIECE_BYTES);

/** At most {@link PIECE_BYTES} of zeros, not to be written to. */
export function zeros(sizeBytes: number): Uint8Array {
  return ZEROS.subarray(0, sizeBytes);
}

/**
 * Where physical memory first differs from what is wanted there.
 * @param wanted bytes, or how many zeros.
 * @returns the offset; undefined: nowhere.
 * @throws what reading throws.
 */
export async function firstDifference(
  memory: MemoryView,
  address: number,
  wanted: Uint8Array | number,
): Promise<number | undefined> {
  const sizeBytes = typeof wanted === 'number' ? wanted : wanted.length;
  const scratch = takePiece();
  try {
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, sizeBytes - at);
      const piece = typeof wanted === 'number' ? zeros(length) : wanted.subarray(at, at + length);
      const seen = await read(memory, address + at, length, scratch);
      if (Buffer.compare(seen, piece) !== 0) return at + piece.findIndex((byte, i) => seen[i] !== byte);
    }
    return undefined;
  } finally {
    givePiece(scratch);
  }
}

/** The fast way where there is one. */
function read(memory: MemoryView, address: number, sizeBytes: number, into: Uint8Array): Promise<Uint8Array> {
  const { ram } = memory;
  const isShared = ram !== undefined && address + sizeBytes <= ram.lowSizeBytes;
  return isShared ? ram.read(address, sizeBytes, into) : memory.readPhysical(address, sizeBytes);
}
