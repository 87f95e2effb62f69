/** A load base that GRUB chose itself: in the window, aligned, in memory that is GRUB's to give. */
import { isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import { relocatableTag } from '../multiboot2/relocatable-tag.ts';
import { holds, type Observation } from '../guest/guest-view.ts';
import type { BootImage } from '../subject/boot-image.ts';

/** @param map the firmware's, before anything was loaded. An image that cannot be moved has no base to choose. */
export function observeChosenBase(
  image: BootImage,
  loadBase: number,
  map: readonly MemoryRegion[],
): Observation[] {
  const tag = relocatableTag(image.header);
  if (!tag) return [];
  const end = loadBase + image.loaded.loadSize;
  const inWindow = loadBase >= tag.minAddr && end - 1 <= tag.maxAddr;
  const kept = map.find(
    (region) =>
      region.start < end && region.end > loadBase && region.use !== 'free' && region.use !== 'loader',
  );
  return [
    holds(
      inWindow,
      'the base GRUB chose lies in the image’s window',
      `${hex(loadBase)} lies outside the image's window ${hex(tag.minAddr)}–${hex(tag.maxAddr)}`,
    ),
    holds(
      isAligned(loadBase, tag.align),
      `is a multiple of ${hex(tag.align, 1)}`,
      `${hex(loadBase)} is no multiple of ${hex(tag.align, 1)}`,
    ),
    holds(
      kept === undefined,
      'and is in free memory',
      `the image covers ${hex(kept?.start ?? 0)} (${kept?.label ?? ''}), which the firmware keeps`,
    ),
  ];
}
