/** The relocatable header tag: read it, and rewrite it so that a loader has one place to go. */
import { hex } from '../bits/hex.ts';
import { preferenceNumber, type HeaderTag, type RelocationWindow } from './header-tags.ts';
import { type Multiboot2Header, parseMultiboot2Header } from './image-header.ts';

export type RelocatableTag = Extract<HeaderTag, { type: 'relocatable' }>;

/** Highest address a window can name: its fields have 32 bits. */
export const HIGHEST_ADDRESS = 0xffff_ffff;

/** The image cannot be moved: its header has no relocatable tag. */
export class NoRelocatableTagError extends Error {
  override readonly name = 'NoRelocatableTagError';
  constructor() {
    super(
      'the image has no relocatable header tag (type 10); boot it at its link base or build it relocatable',
    );
  }
}

/** No window can send an image of this size to this base. */
export class ForcedWindowError extends Error {
  override readonly name = 'ForcedWindowError';
  constructor(base: number, loadSize: number) {
    super(
      `no window forces an image of ${hex(loadSize)} bytes to ${hex(base)}: ` +
        `its end ${hex(base + loadSize)} is not in 0…${hex(HIGHEST_ADDRESS)}; choose another base`,
    );
  }
}

/** The tag that counts: with several, GRUB takes the last. */
export function relocatableTag(header: Multiboot2Header): RelocatableTag | undefined {
  return header.tags.filter((tag): tag is RelocatableTag => tag.type === 'relocatable').at(-1);
}

/**
 * A copy of the image with the window in each of its relocatable header tags. The header's checksum covers only magic,
 * architecture and length (Multiboot2 Specification 2.0 §3.1.2), so it stays right.
 * @param window addresses and alignment as unsigned 32-bit numbers.
 * @throws NoRelocatableTagError, and what parseMultiboot2Header throws.
 */
export function withRelocatableTag(image: Uint8Array, window: RelocationWindow): Uint8Array {
  const tags = parseMultiboot2Header(image).tags.filter((tag) => tag.type === 'relocatable');
  if (tags.length === 0) throw new NoRelocatableTagError();
  const copy = Uint8Array.from(image);
  const view = new DataView(copy.buffer);
  const fields = [window.minAddr, window.maxAddr, window.align, preferenceNumber(window.preference)];
  for (const tag of tags)
    fields.forEach((value, index) => {
      view.setUint32(tag.offset + 8 + index * 4, value, true);
    });
  return copy;
}

/**
 * A window that leaves `base` as the one place for an image. GRUB (2.06, relocator and Multiboot2 loader) takes starts
 * from `minAddr` to `maxAddr − loadSize`, multiples of `align`, and refuses a window where the second is below the first.
 * @param align the tag's own: kept where `base` is a multiple of it, else the largest power of two that divides `base`.
 * @throws ForcedWindowError where the image's end cannot be named in 32 bits.
 */
export function forcedWindow(base: number, loadSize: number, align: number): RelocationWindow {
  const maxAddr = base + loadSize;
  if (!Number.isInteger(base) || base < 0 || loadSize < 0 || maxAddr > HIGHEST_ADDRESS)
    throw new ForcedWindowError(base, loadSize);
  return {
    minAddr: base,
    maxAddr,
    align: suits(base, align) ? align : ownAlignment(base),
    preference: 'high',
  };
}

/** GRUB rounds with bit masks, which holds for powers of two only. */
function suits(base: number, align: number): boolean {
  return align > 0 && Number.isInteger(Math.log2(align)) && base % align === 0;
}

/** The largest power of two that divides `base`; 1 for 0. */
function ownAlignment(base: number): number {
  return base === 0 ? 1 : (base & -base) >>> 0;
}
