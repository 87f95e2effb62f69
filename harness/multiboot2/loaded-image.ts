/** What a loader makes of an ELF image: how large it is in memory, and where it begins (as GRUB 2.06 computes it). */
import { hex } from '../bits/hex.ts';
import { type ElfImage, loadSegments } from '../elf/elf-image.ts';
import { type Segment } from '../elf/program-headers.ts';

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
    readonly problem: 'no-load-segment' | 'crosses-4gib' | 'entry-outside-segments',
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
