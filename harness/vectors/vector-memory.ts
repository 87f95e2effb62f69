/** Memory of a vector: linear addresses are physical ones. */
import { hex } from '../bits/hex.ts';
import { PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';
import type { MemoryByte } from './vector.ts';

/** Shown of one vector. */
const MOST_DIFFERENCES = 8;
const PAGE_BITS = 12n;

/** To be called before the model looks at the memory. */
export function setBytes(memory: PhysicalMemory, bytes: readonly MemoryByte[]): void {
  for (const [address, byte] of bytes)
    memory.page(Number(address >> PAGE_BITS)).bytes[Number(address & BigInt(PAGE_BYTES - 1))] = byte;
}

/** @returns each byte that is another, in words; bytes that neither memory holds are 0. */
export function differingBytes(memory: PhysicalMemory, expected: PhysicalMemory): string[] {
  const frames = new Set([...memory.pages(), ...expected.pages()].map(({ frame }) => frame));
  const differences: string[] = [];
  for (const frame of frames) {
    const [is, wanted] = [bytesOf(memory, frame), bytesOf(expected, frame)];
    if (Buffer.compare(is, wanted) === 0) continue;
    for (let at = 0; at < PAGE_BYTES && differences.length <= MOST_DIFFERENCES; at++)
      if (is[at] !== wanted[at])
        differences.push(
          `byte at ${hex((BigInt(frame) << PAGE_BITS) | BigInt(at))} is ${hex(is[at]!, 2)}, expected ${hex(wanted[at]!, 2)}`,
        );
  }
  return differences.length > MOST_DIFFERENCES
    ? [...differences.slice(0, MOST_DIFFERENCES), 'and more bytes']
    : differences;
}

const ZERO_PAGE = new Uint8Array(PAGE_BYTES);

function bytesOf(memory: PhysicalMemory, frame: number): Uint8Array {
  return memory.has(frame) ? memory.page(frame).bytes : ZERO_PAGE;
}
