/** Where a run has ended, as values. */
import { PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';

export interface EndState {
  readonly loadBase: number;
  /** The architectural state, as state-layout.ts has it. */
  readonly words: Int32Array;
  readonly memory: PhysicalMemory;
}

/** Physical addresses. */
export interface PhysicalRange {
  readonly start: number;
  /** First address past it. */
  readonly end: number;
}

const ZEROS = new Uint8Array(PAGE_BYTES);

/** A page's bytes, not to be written to. What nobody spoke of reads as zeros, and stays unspoken of. */
export function pageAt(memory: PhysicalMemory, frame: number): Uint8Array {
  return memory.has(frame) ? memory.page(frame).bytes : ZEROS;
}

/** A copy of some bytes; what nobody spoke of reads as zeros, and stays unspoken of. @param into as many bytes */
export function copyOf(memory: PhysicalMemory, address: number, into: Uint8Array): Uint8Array {
  for (let done = 0; done < into.length;) {
    const offset = (address + done) % PAGE_BYTES;
    const length = Math.min(PAGE_BYTES - offset, into.length - done);
    const page = pageAt(memory, Math.floor((address + done) / PAGE_BYTES));
    into.set(page.subarray(offset, offset + length), done);
    done += length;
  }
  return into;
}

/** A little-endian word of 32 bits; unsigned. */
export function word32At(memory: PhysicalMemory, address: number): number {
  const [a, b, c, d] = copyOf(memory, address, new Uint8Array(4));
  return (a! | (b! << 8) | (c! << 16) | (d! << 24)) >>> 0;
}
