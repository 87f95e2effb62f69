/** What a loader makes of an image: how large it is in memory, and where it begins (as GRUB 2.06 computes it). */
import { hex } from '../bits/hex.ts';
import { type ElfImage, loadSegments } from '../elf/elf-image.ts';
import { SEGMENT_LOAD, type Segment } from '../elf/program-headers.ts';
import { type HeaderTag } from './header-tags.ts';
import { type Multiboot2Header } from './image-header.ts';

export interface LoadedImage {
  /** Lowest `paddr` of a loadable segment: where the image was linked. */
  readonly linkBase: number;
  /** Bytes from the link base to the highest `paddr + memsz`. */
  readonly loadSize: number;
  /** Physical address of the entry point at the link base. */
  readonly entry: number;
  /** Loadable segments, in file order. */
  readonly segments: readonly Segment[];
}

/** A loader must refuse the image. */
export class UnloadableImageError extends Error {
  override readonly name = 'UnloadableImageError';
  constructor(
    readonly problem: 'no-load-segment' | 'crosses-4gib' | 'entry-outside-segments' | 'address-tag',
    message: string,
  ) {
    super(message);
  }
}

const FOUR_GIB = 0x1_0000_0000n;

/** @throws UnloadableImageError where there is nothing to load, or it does not fit below 4 GiB, or cannot be entered. */
export function loadedImage(elf: ElfImage): LoadedImage {
  const segments = loadSegments(elf);
  const [first] = segments;
  if (!first)
    throw new UnloadableImageError(
      'no-load-segment',
      'the image has no PT_LOAD segment; give a linked image',
    );
  let [lowest, highest] = [first.paddr, 0n];
  segments.forEach((segment) => {
    const end = segment.paddr + BigInt(segment.memsz);
    if (end >= FOUR_GIB) throw crossesFourGib(segment, end);
    if (segment.paddr < lowest) lowest = segment.paddr;
    if (end > highest) highest = end;
  });
  return {
    linkBase: Number(lowest),
    loadSize: Number(highest - lowest),
    entry: physicalEntry(elf),
    segments,
  };
}

function crossesFourGib(segment: Segment, end: bigint): UnloadableImageError {
  return new UnloadableImageError(
    'crosses-4gib',
    `the segment at physical ${hex(segment.paddr)} ends at ${hex(end)}, not below 4 GiB; link the image lower`,
  );
}

/** `e_entry` is virtual; the first segment of any type that holds it maps it to its physical address. */
function physicalEntry(elf: ElfImage): number {
  const home = elf.segments.find((s) => elf.entry >= s.vaddr && elf.entry < s.vaddr + BigInt(s.memsz));
  const entry = home && elf.entry - home.vaddr + home.paddr;
  if (entry === undefined || entry >= FOUR_GIB)
    throw new UnloadableImageError(
      'entry-outside-segments',
      `the entry point ${hex(elf.entry)} lies in no segment below 4 GiB; give the bootable image, not its symbol file`,
    );
  return Number(entry);
}

type AddressTag = Extract<HeaderTag, { type: 'address' }>;

/** The address header tag; it makes any file loadable, and goes before ELF. */
export function addressTag({ tags }: Multiboot2Header): AddressTag | undefined {
  return tags.filter((tag): tag is AddressTag => tag.type === 'address').at(-1);
}

/** `load_addr` of a file that is loaded from its first byte on. */
const FROM_THE_FIRST_BYTE = 0xffff_ffff;

/**
 * An image without ELF, by its address and entry address header tags (Multiboot2 Specification 2.0 §3.1.5, §3.1.6).
 * @param fileSize bytes.
 * @throws UnloadableImageError where the tag names bytes that the file has not, or the image has no entry.
 */
export function loadedByAddressTag(header: Multiboot2Header, tag: AddressTag, fileSize: number): LoadedImage {
  const start = tag.loadAddr === FROM_THE_FIRST_BYTE ? tag.headerAddr - header.offset : tag.loadAddr;
  const offset = header.offset - (tag.headerAddr - start);
  const filesz = tag.loadEndAddr === 0 ? fileSize - offset : tag.loadEndAddr - start;
  const memsz = tag.bssEndAddr === 0 ? filesz : tag.bssEndAddr - start;
  const entry = header.tags.find((candidate) => candidate.type === 'entryAddress');
  if (start < 0 || offset < 0 || filesz <= 0 || offset + filesz > fileSize || memsz < filesz)
    throw new UnloadableImageError(
      'address-tag',
      `the address header tag asks for ${filesz} bytes from offset ${offset} of a file of ${fileSize}, ${memsz} in ` +
        `memory at ${hex(start)}; mend the image's header`,
    );
  if (entry?.type !== 'entryAddress' || entry.entryAddr < start || entry.entryAddr >= start + memsz)
    throw new UnloadableImageError(
      'entry-outside-segments',
      'the image has an address header tag, but no entry address header tag (type 3) that points into it',
    );
  const segment: Segment = {
    ...{ type: SEGMENT_LOAD, offset, filesz, memsz, flags: 7, align: 1 },
    ...{ vaddr: BigInt(start), paddr: BigInt(start) },
  };
  if (start + memsz >= Number(FOUR_GIB)) throw crossesFourGib(segment, segment.paddr + BigInt(memsz));
  return { linkBase: start, loadSize: memsz, entry: entry.entryAddr, segments: [segment] };
}
