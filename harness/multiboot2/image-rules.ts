/** Rules for where an image wants to be, and where it is entered. */
import { alignUp, isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import {
  type CheckedImage,
  type HeaderRule,
  lastTag,
  memoryExtent,
  type MemoryExtent,
  type TagOf,
} from './checked-image.ts';
import { breachIf } from './rule-finding.ts';

const WINDOW_RULES: readonly HeaderRule[] = [
  {
    name: 'window-holds-image',
    severity: 'refused',
    grubError: 'invalid min/max address and/or load size',
    demands: 'the image fits between the lowest and the highest address',
    source: 'Multiboot2 §3.1.13, GRUB commits eba6db632 and 61ff5602f',
    breaches: ifRelocatable((tag, extent) =>
      breachIf(
        !holdsImage(tag, extent),
        () => `${hex(extent.sizeBytes)} bytes for ${hex(tag.minAddr)}…${hex(tag.maxAddr)}`,
      ),
    ),
  },
  {
    name: 'window-holds-aligned-base',
    severity: 'refused',
    demands: 'a multiple of the alignment lies in the window, so that there is a base to choose',
    source: 'Multiboot2 §3.1.13',
    breaches: ifRelocatable((tag, extent) =>
      breachIf(
        isPowerOfTwo(tag.align) && holdsImage(tag, extent) && !hasBase(tag, extent),
        () =>
          `no multiple of ${hex(tag.align, 1)} in ${hex(tag.minAddr)}…${hex(tag.maxAddr - extent.sizeBytes)}`,
      ),
    ),
  },
  {
    name: 'window-alignment',
    severity: 'doubtful',
    demands: 'the alignment is a power of two: GRUB rounds with bit masks',
    source: 'Multiboot2 §3.1.13, GRUB 2.06 relocator',
    breaches: ifRelocatable(({ align }) => breachIf(!isPowerOfTwo(align), () => `it is ${hex(align, 1)}`)),
  },
  {
    name: 'link-base-in-window',
    severity: 'doubtful',
    demands:
      'the link base is a base that the window allows, so that a loader that does not move the image obeys it',
    source: 'Multiboot2 §3.1.13',
    breaches: ifRelocatable((tag, extent) => {
      const { linkBase, sizeBytes } = extent;
      const outside = linkBase < tag.minAddr || linkBase + sizeBytes > tag.maxAddr;
      return breachIf(
        holdsImage(tag, extent) && outside,
        () => `linked at ${hex(linkBase)}, window ${hex(tag.minAddr)}…${hex(tag.maxAddr)}`,
      );
    }),
  },
  {
    name: 'link-base-aligned',
    severity: 'doubtful',
    demands: 'the link base is a multiple of the alignment',
    source: 'Multiboot2 §3.1.13',
    breaches: ifRelocatable((tag, extent) =>
      breachIf(
        isPowerOfTwo(tag.align) && hasBase(tag, extent) && !isAligned(extent.linkBase, tag.align),
        () => `linked at ${hex(extent.linkBase)}, alignment ${hex(tag.align, 1)}`,
      ),
    ),
  },
];

const ENTRY_RULES: readonly HeaderRule[] = [
  {
    name: 'address-tag-has-entry',
    severity: 'refused',
    grubError: 'load address tag without entry address tag',
    demands:
      'an address tag comes with an entry address tag, or with an EFI amd64 entry and boot services kept',
    source: 'Multiboot2 §3.1.5, §3.1.6, GRUB 2.06 multiboot2 loader',
    breaches: (image) => {
      if (!lastTag(image, 'address')) return undefined;
      const isEfi = lastTag(image, 'efiBootServices') && lastTag(image, 'entryAddressEfi64');
      return breachIf(!lastTag(image, 'entryAddress') && !isEfi, () => 'there is none');
    },
  },
  {
    name: 'address-tag-order',
    severity: 'doubtful',
    demands:
      'load, header, load end and BSS end address follow one another, and the file reaches back that far',
    source: 'Multiboot2 §3.1.5',
    breaches: (image) => {
      const tag = lastTag(image, 'address');
      return tag && breachIf(!isOrdered(tag, image.header.offset), () => addressText(tag));
    },
  },
  {
    name: 'entry-in-image',
    severity: 'doubtful',
    demands: 'every entry address lies in what is loaded from the file',
    source: 'Multiboot2 §3.1.6, §3.1.7, §3.1.8',
    breaches: (image) => {
      const fromFile = memoryExtent(image)?.fromFile;
      return (
        fromFile &&
        entries(image)
          .filter(
            ([, entry]) => !fromFile.some(({ start, end }) => start <= BigInt(entry) && BigInt(entry) < end),
          )
          .map(([name, entry]) => `the ${name} ${hex(entry)} does not`)
      );
    },
  },
  {
    name: 'efi64-entry-effective',
    severity: 'doubtful',
    demands: 'the EFI amd64 entry comes with the boot services tag: without it GRUB does not use it',
    source: 'Multiboot2 §3.1.8',
    breaches: (image) =>
      lastTag(image, 'entryAddressEfi64') &&
      breachIf(!lastTag(image, 'efiBootServices'), () => 'there is no boot services tag'),
  },
  {
    name: 'boot-services-have-entry',
    severity: 'doubtful',
    demands: 'the boot services tag comes with an EFI entry: GRUB enters at the ordinary one in 64-bit mode',
    source: 'Multiboot2 §3.1.8, §3.1.12, GRUB 2.06 multiboot loader',
    breaches: (image) =>
      lastTag(image, 'efiBootServices') &&
      breachIf(
        !lastTag(image, 'entryAddressEfi64') && !lastTag(image, 'entryAddressEfi32'),
        () => 'there is none',
      ),
  },
];

export const IMAGE_RULES: readonly HeaderRule[] = [...WINDOW_RULES, ...ENTRY_RULES];

function ifRelocatable(
  breaches: (tag: TagOf<'relocatable'>, extent: MemoryExtent) => readonly string[],
): HeaderRule['breaches'] {
  return (image) => {
    const [tag, extent] = [lastTag(image, 'relocatable'), memoryExtent(image)];
    return tag && extent && breaches(tag, extent);
  };
}

function holdsImage({ minAddr, maxAddr }: TagOf<'relocatable'>, { sizeBytes }: MemoryExtent): boolean {
  return sizeBytes <= maxAddr && minAddr <= maxAddr - sizeBytes;
}

function hasBase({ minAddr, maxAddr, align }: TagOf<'relocatable'>, { sizeBytes }: MemoryExtent): boolean {
  return alignUp(minAddr, align) <= maxAddr - sizeBytes;
}

/** 0 is taken for 1. */
function isPowerOfTwo(align: number): boolean {
  return align === 0 || Number.isInteger(Math.log2(align));
}

function isOrdered(
  { headerAddr, loadAddr, loadEndAddr, bssEndAddr }: TagOf<'address'>,
  offset: number,
): boolean {
  const load = loadAddr === 0xffff_ffff ? headerAddr - offset : loadAddr;
  const loadEnd = loadEndAddr === 0 ? headerAddr : loadEndAddr;
  const reachesBack = load >= 0 && headerAddr - load <= offset;
  return (
    load <= headerAddr && headerAddr <= loadEnd && reachesBack && (bssEndAddr === 0 || bssEndAddr >= loadEnd)
  );
}

function addressText({ headerAddr, loadAddr, loadEndAddr, bssEndAddr }: TagOf<'address'>): string {
  return `load ${hex(loadAddr)}, header ${hex(headerAddr)}, load end ${hex(loadEndAddr)}, BSS end ${hex(bssEndAddr)}`;
}

/** Entry address tags, and the ELF entry where none of them takes its place. */
function entries(image: CheckedImage): readonly (readonly [name: string, entry: number])[] {
  const told = (['entryAddress', 'entryAddressEfi32', 'entryAddressEfi64'] as const).flatMap((type) => {
    const tag = lastTag(image, type);
    return tag ? [[type, tag.entryAddr] as const] : [];
  });
  const ofElf = image.loaded && !lastTag(image, 'entryAddress') && !lastTag(image, 'address');
  return ofElf ? [...told, ['ELF entry', image.loaded.entry] as const] : told;
}
