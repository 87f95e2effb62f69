/** Physical memory as the loader left the image in it; nothing else is known. */
import { decodeHex } from '../bits/hex.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';

/** @param file the image file's bytes, which must be those that the header names */
export function memoryWithImage({ subject }: TraceHeader, file: Uint8Array): PhysicalMemory {
  const image = file.slice();
  for (const { imageOffset, bytes } of subject.changes) image.set(decodeHex(bytes), imageOffset);
  const memory = new PhysicalMemory('unknown');
  for (const { physicalAddress, imageOffset, fileSizeBytes, memorySizeBytes } of subject.segments) {
    memory.load(physicalAddress, image.subarray(imageOffset, imageOffset + fileSizeBytes));
    memory.load(physicalAddress + fileSizeBytes, new Uint8Array(memorySizeBytes - fileSizeBytes));
  }
  return memory;
}
