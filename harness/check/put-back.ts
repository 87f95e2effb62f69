/** A changed image is compared with the image itself: once it has run, its changed bytes are no difference. */
import { forgetCode, PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';
import type { ImageChange } from './image-pages.ts';

/**
 * Puts the image's own bytes where changed ones still stand, in the image and where it has copied them. What the image
 * has written there itself stays.
 * @param master the image as it was loaded, unchanged
 */
export function putBack(
  memory: PhysicalMemory,
  changes: readonly ImageChange[],
  master: Uint8Array,
  loadBase: number,
): void {
  for (const { offset, bytes, copiedTo = [] } of changes)
    for (const place of [loadBase + offset, ...copiedTo])
      for (const [index, byte] of bytes.entries())
        putBackByte(memory, place + index, byte, master[offset + index]!);
}

function putBackByte(memory: PhysicalMemory, address: number, changed: number, original: number): void {
  const frame = Math.floor(address / PAGE_BYTES);
  if (changed === original || !memory.has(frame)) return;
  const page = memory.page(frame);
  const at = address % PAGE_BYTES;
  if (page.bytes[at] !== changed) return;
  page.bytes[at] = original;
  forgetCode(page);
}
