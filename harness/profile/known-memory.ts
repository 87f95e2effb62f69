/** Physical memory as runs of bytes of which something is known. */
import { rangesThatAre } from '../replay/known-runs.ts';
import type { MemoryRun } from '../trace/record.ts';
import { PAGE_BYTES, PhysicalMemory } from '../x86/memory/physical-memory.ts';

/** The first run that names a byte wins. */
export function memoryOf(runs: readonly MemoryRun[]): PhysicalMemory {
  const memory = new PhysicalMemory('unknown');
  for (const run of runs) addUnknown(memory, run);
  return memory;
}

/** Only bytes that nobody said anything of. */
export function addUnknown(memory: PhysicalMemory, { address, bytes }: MemoryRun): void {
  for (const range of rangesThatAre('unknown', memory, { address, sizeBytes: bytes.length })) {
    const from = range.address - address;
    memory.load(range.address, bytes.subarray(from, from + range.sizeBytes));
  }
}

export function isKnown(memory: PhysicalMemory, address: number): boolean {
  const { known } = memory.page(Math.floor(address / PAGE_BYTES));
  return known?.[address % PAGE_BYTES] !== 0;
}

/** What is known of a range. */
export function knownRuns(memory: PhysicalMemory, address: number, sizeBytes: number): MemoryRun[] {
  return rangesThatAre('known', memory, { address, sizeBytes }).map((range) => ({
    address: range.address,
    bytes: memory.read(range.address, range.sizeBytes),
  }));
}

/** All that is known, in the order of addresses; neighbours are one. */
export function allRuns(memory: PhysicalMemory): MemoryRun[] {
  const frames = [...memory.pages()].map(({ frame }) => frame).sort((a, b) => a - b);
  const runs: MemoryRun[] = [];
  for (const run of frames.flatMap((frame) => knownRuns(memory, frame * PAGE_BYTES, PAGE_BYTES))) {
    const last = runs.at(-1);
    if (last && last.address + last.bytes.length === run.address)
      runs[runs.length - 1] = { address: last.address, bytes: Buffer.concat([last.bytes, run.bytes]) };
    else runs.push(run);
  }
  return runs;
}
