/** The machine that a trace begins with: physical memory as the loader left the image in it, and whose CPU it has. */
import { decodeHex } from '../bits/hex.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { type Habits, HARDWARE, TCG } from '../x86/execute/habits.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';

const ZEROS = new Uint8Array(1024 * 1024);
/** 640 MiB, and as much again to know which bytes are known: a trace may come from anywhere. */
const MAX_PAGES = 5 << 15;

/** @param file the image file's bytes, which must be those that the header names */
export function memoryWithImage({ subject }: TraceHeader, file: Uint8Array): PhysicalMemory {
  // A Buffer's slice() is a view of the same bytes: the file's must stay as they are.
  const image = Uint8Array.from(file);
  for (const { imageOffset, bytes } of subject.changes) image.set(decodeHex(bytes), imageOffset);
  const memory = new PhysicalMemory('unknown', MAX_PAGES);
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
