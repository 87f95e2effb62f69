/** An image with its header, as the rules for images look at it. */
import { ByteReader } from '../bits/byte-reader.ts';
import type { ElfImage } from '../elf/elf-image.ts';
import { type AddressRange, addressRange } from './address-range.ts';
import type { HeaderTag } from './header-tags.ts';
import type { Multiboot2Header } from './image-header.ts';
import type { LoadedImage } from './loaded-image.ts';
import type { Rule, RuleFinding } from './rule-finding.ts';

export interface CheckedImage {
  /** The whole file. */
  readonly bytes: Uint8Array;
  readonly header: Multiboot2Header;
  /** Undefined for a flat image, which an address header tag describes. */
  readonly loaded: LoadedImage | undefined;
  readonly elf: ElfImage | undefined;
}

/** `refused`: a loader must refuse the image, or GRUB 2.06 does; `doubtful`: it boots, perhaps not as meant. */
export type HeaderSeverity = 'refused' | 'doubtful';

export interface HeaderRule extends Rule<CheckedImage> {
  readonly severity: HeaderSeverity;
  /** What GRUB 2.06 prints after `error: `, as far as it does not depend on the image. */
  readonly grubError?: string;
}

export interface HeaderFinding extends RuleFinding {
  readonly severity: HeaderSeverity;
  readonly grubError?: string;
}

/** Where the image goes if it is not moved, and what of that comes from the file. */
export interface MemoryExtent {
  readonly linkBase: number;
  /** Bytes, BSS included. */
  readonly sizeBytes: number;
  readonly fromFile: readonly AddressRange[];
}

export type TagOf<T extends HeaderTag['type']> = Extract<HeaderTag, { type: T }>;

/** The last tag of a type: the one that counts to GRUB where there are several. */
export function lastTag<T extends HeaderTag['type']>(
  { header }: CheckedImage,
  type: T,
): TagOf<T> | undefined {
  return header.tags.filter((tag): tag is TagOf<T> => tag.type === type).at(-1);
}

/** Type numbers and flags as they stand in the file; sizes were checked by the parser. */
export function rawTag(
  { bytes }: CheckedImage,
  tag: HeaderTag,
): { readonly type: number; readonly flags: number } {
  const reader = new ByteReader(bytes, 'header tag');
  return { type: reader.u16(tag.offset), flags: reader.u16(tag.offset + 2) };
}

/** By the address header tag where there is one, as GRUB does, else by the ELF segments; undefined without either. */
export function memoryExtent(image: CheckedImage): MemoryExtent | undefined {
  const address = lastTag(image, 'address');
  if (address) return flatExtent(image, address);
  const { loaded } = image;
  return (
    loaded && {
      linkBase: loaded.linkBase,
      sizeBytes: loaded.loadSize,
      fromFile: loaded.segments.map(({ paddr, filesz }, index) =>
        addressRange(`segment ${index}`, paddr, paddr + BigInt(filesz)),
      ),
    }
  );
}

/** `load_addr` −1: the file is loaded from its beginning; `load_end_addr` 0: to its end (§3.1.5). */
function flatExtent({ bytes, header }: CheckedImage, tag: TagOf<'address'>): MemoryExtent {
  const whole = tag.loadAddr === 0xffff_ffff;
  const linkBase = whole ? tag.headerAddr - header.offset : tag.loadAddr;
  const fileOffset = header.offset - (tag.headerAddr - linkBase);
  const loadEnd = tag.loadEndAddr === 0 ? linkBase + bytes.length - fileOffset : tag.loadEndAddr;
  return {
    linkBase,
    sizeBytes: (tag.bssEndAddr === 0 ? loadEnd : tag.bssEndAddr) - linkBase,
    fromFile: [addressRange('the loaded part', linkBase, loadEnd)],
  };
}
