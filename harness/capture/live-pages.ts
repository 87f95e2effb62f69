/** Pages of a stopped machine's real memory, read many at once. */
import type { SharedRam } from '../guest/guest-view.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';

/** Page contents by frame (physical address >> 12). */
export type Pages = ReadonlyMap<number, Uint8Array>;

/** Frames beyond RAM below 4 GiB are left out. @param frames in any order */
export async function readPages(ram: SharedRam, frames: Iterable<number>): Promise<Pages> {
  const pages = new Map<number, Uint8Array>();
  const end = ram.lowSizeBytes / PAGE_BYTES;
  const sorted = [...new Set(frames)].filter((frame) => frame < end).sort((a, b) => a - b);
  for (let first = 0; first < sorted.length;) {
    let last = first;
    while (last + 1 < sorted.length && sorted[last + 1] === sorted[last]! + 1) last++;
    const bytes = await ram.read(sorted[first]! * PAGE_BYTES, (last - first + 1) * PAGE_BYTES);
    for (let index = first; index <= last; index++) {
      const at = (index - first) * PAGE_BYTES;
      pages.set(sorted[index]!, bytes.subarray(at, at + PAGE_BYTES));
    }
    first = last + 1;
  }
  return pages;
}

/** All that was ever touched. */
export async function touchedPages(ram: SharedRam): Promise<Pages> {
  const frames: number[] = [];
  for (const { start, end } of await ram.extents())
    for (let frame = Math.floor(start / PAGE_BYTES); frame * PAGE_BYTES < end; frame++) frames.push(frame);
  return readPages(ram, frames);
}
