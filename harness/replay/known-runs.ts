/** Which bytes of a range of physical memory are known. */
import type { MemoryRun } from '../trace/record.ts';
import { PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';

/** A range of physical memory. */
export interface ByteRange {
  readonly address: number;
  readonly sizeBytes: number;
}

/** The parts of a range that are known, or those that are not; neighbours are one. */
export function rangesThatAre(
  wanted: 'known' | 'unknown',
  memory: PhysicalMemory,
  { address, sizeBytes }: ByteRange,
): ByteRange[] {
  const found: { address: number; sizeBytes: number }[] = [];
  for (let at = address; at < address + sizeBytes; at++) {
    if (isKnown(memory, at) !== (wanted === 'known')) continue;
    const last = found.at(-1);
    if (last && last.address + last.sizeBytes === at) last.sizeBytes++;
    else found.push({ address: at, sizeBytes: 1 });
  }
  return found;
}

function isKnown(memory: PhysicalMemory, address: number): boolean {
  const { known } = memory.page(Math.floor(address / PAGE_BYTES));
  return known?.[address % PAGE_BYTES] !== 0;
}

/** In the order of addresses, those that touch as one. @param runs that do not overlap */
export function joinedRuns(runs: readonly MemoryRun[]): MemoryRun[] {
  const joined: { address: number; bytes: Uint8Array }[] = [];
  for (const { address, bytes } of [...runs].sort((a, b) => a.address - b.address)) {
    const last = joined.at(-1);
    if (last && last.address + last.bytes.length === address) last.bytes = Buffer.concat([last.bytes, bytes]);
    else joined.push({ address, bytes });
  }
  return joined;
}
