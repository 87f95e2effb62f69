/** The machine that a trace begins with: physical memory as the loader left the image in it, and whose CPU it has. */
import { decodeHex } from '../bits/hex.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { type Habits, HARDWARE, TCG } from '../x86/execute/habits.ts';
import { PAGE_BYTES, PhysicalMemory } from '../x86/memory/physical-memory.ts';

const ZEROS = new Uint8Array(1024 * 1024);
/** 256 MiB: early boot touches some thousand pages; a file may name one byte in each of as many as it likes. */
const MAX_OTHER_PAGES = 1 << 16;

/** @param file the image file's bytes, which must be those that the header names */
export function memoryWithImage({ subject }: TraceHeader, file: Uint8Array): PhysicalMemory {
  const image = file.slice();
  for (const { imageOffset, bytes } of subject.changes) image.set(decodeHex(bytes), imageOffset);
  const imagePages = subject.segments.reduce(
    (sum, { memorySizeBytes }) => sum + Math.ceil(memorySizeBytes / PAGE_BYTES) + 1,
    0,
  );
  const memory = new PhysicalMemory('unknown', imagePages + MAX_OTHER_PAGES);
  for (const { physicalAddress, imageOffset, fileSizeBytes, memorySizeBytes } of subject.segments) {
    memory.load(physicalAddress, image.subarray(imageOffset, imageOffset + fileSizeBytes));
    for (let at = fileSizeBytes; at < memorySizeBytes; at += ZEROS.length)
      memory.load(physicalAddress + at, ZEROS.subarray(0, memorySizeBytes - at));
  }
  return memory;
}

/** What the CPU that was recorded does differently. */
export function habitsOf({ accelerator }: TraceHeader): Habits {
  return accelerator === 'tcg' ? TCG : HARDWARE;
}
