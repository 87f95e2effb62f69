/** Whether an image, whole as it is, can be run in the model at all. */
import { isAligned, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { addressRange, overlapsAmong } from '../multiboot2/address-range.ts';
import type { LoadedImage } from '../multiboot2/loaded-image.ts';

/** What the model has room for; Xen takes 4 MiB. */
const IMAGE_MEMORY_BYTES = 512 * MIB;
const PAGE_BYTES = 4096;
/** More are counted, not shown. */
const OVERLAPS_SHOWN = 3;

/** A file may say anything of where its segments go; the message names the cause and the next step. */
export class UncheckableImageError extends Error {
  override readonly name = 'UncheckableImageError';
  constructor(
    readonly problem: 'overlap' | 'larger-than-memory' | 'unaligned',
    message: string,
  ) {
    super(message);
  }
}

/**
 * GRUB 2.06 loads overlapping segments one over the other where it moves the image, and refuses them where it does not
 * (docs: image-elf-rules, `segments-disjoint`): what then stands in memory is no one's intention, so nothing is checked.
 * @throws UncheckableImageError
 */
export function requireCheckable({ segments, loadSize, linkBase }: LoadedImage): void {
  if (!isAligned(linkBase, PAGE_BYTES))
    throw new UncheckableImageError(
      'unaligned',
      `it is linked at ${hex(linkBase)}, no multiple of a page (${hex(PAGE_BYTES, 1)} bytes), and the model moves an image ` +
        'page by page; align its first segment in its linker script',
    );
  const overlaps = overlapsAmong(
    segments.map(({ paddr, memsz }, index) => addressRange(`segment ${index}`, paddr, paddr + BigInt(memsz))),
  );
  if (overlaps.length > 0) {
    const more = overlaps.length > OVERLAPS_SHOWN ? ` and ${overlaps.length - OVERLAPS_SHOWN} more` : '';
    throw new UncheckableImageError(
      'overlap',
      `its segments overlap in physical memory: ${overlaps.slice(0, OVERLAPS_SHOWN).join(', ')}${more}; link them apart`,
    );
  }
  if (loadSize > IMAGE_MEMORY_BYTES)
    throw new UncheckableImageError(
      'larger-than-memory',
      `it takes ${hex(loadSize, 1)} bytes in memory, more than the ${IMAGE_MEMORY_BYTES / MIB} MiB that the model gives an image; ` +
        'link its segments closer together, or make its BSS smaller',
    );
}
