/** At which load bases an image is checked: by its own relocatable header tag; no lists. */
import { alignDown, alignUp, GIB, isAligned, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { checkForcedBase } from '../multiboot2/forced-base.ts';
import type { Multiboot2Header } from '../multiboot2/image-header.ts';
import type { LoadedImage } from '../multiboot2/loaded-image.ts';
import { HIGHEST_ADDRESS, relocatableTag } from '../multiboot2/relocatable-tag.ts';

/** `telling`: a handful, one of each class of bases that break code. */
export type BaseChoice = 'all' | 'telling' | readonly number[];

export interface PlacedImage {
  readonly header: Multiboot2Header;
  readonly loaded: LoadedImage;
}

/** The image's own header forbids it; the message says why, and what to choose. */
export class BaseNotAllowedError extends Error {
  override readonly name = 'BaseNotAllowedError';
}

/** What a model's memory is made of. */
const PAGE_BYTES = 4096;
/** Slots of large pages: what early boot maps its image with. */
const SLOT = 2 * MIB;

/**
 * Ascending, each once. A base that is no multiple of the tag's alignment may be given: whether the image notices is
 * checked, too; `all` and `telling` have some.
 * @throws BaseNotAllowedError
 */
export function basesToCheck(choice: BaseChoice, image: PlacedImage): readonly number[] {
  const window = windowOf(image);
  if (typeof choice !== 'string') return ascending(choice.map((base) => allowed(base, image)));
  if (!window) return [image.loaded.linkBase];
  const aligned = choice === 'all' ? everySlot(window) : tellingBases(window, image.loaded);
  if (aligned.length === 0)
    throw new BaseNotAllowedError(
      `no multiple of ${hex(window.align, 1)} from ${hex(window.first)} to ${hex(Math.max(0, window.last))} leaves room ` +
        `for the image (${hex(image.loaded.loadSize, 1)} bytes); mend its relocatable header tag`,
    );
  return ascending([...aligned, ...misalignedBases(window, aligned)]);
}

/** Whether the image's own header demands another alignment than this base has. */
export function isMisaligned(base: number, { header }: PlacedImage): boolean {
  return !isAligned(base, relocatableTag(header)?.align ?? 1);
}

interface Window {
  /** Lowest and highest base. */
  readonly first: number;
  readonly last: number;
  readonly align: number;
}

function windowOf({ header, loaded }: PlacedImage): Window | undefined {
  const tag = relocatableTag(header);
  if (!tag) return undefined;
  const align = Math.max(tag.align, 1);
  const last = alignDown(Math.min(tag.maxAddr, HIGHEST_ADDRESS) - loaded.loadSize, align);
  return { first: alignUp(tag.minAddr, align), last, align };
}

function allowed(base: number, { header, loaded }: PlacedImage): number {
  if (base === loaded.linkBase && !relocatableTag(header)) return base;
  const problem = checkForcedBase({ base, header, loaded, allowMisaligned: true });
  if (problem) throw new BaseNotAllowedError(problem.message);
  if (!isAligned(base, PAGE_BYTES))
    throw new BaseNotAllowedError(
      `base ${hex(base)} is no multiple of a page (${hex(PAGE_BYTES, 1)} bytes), and the model moves an image page by page; ` +
        `the nearest is ${hex(alignDown(base, PAGE_BYTES))}`,
    );
  return base;
}

function everySlot({ first, last, align }: Window): number[] {
  const step = alignUp(Math.max(SLOT, align), align);
  const start = alignUp(first, step);
  const slots: number[] = [];
  for (let base = start; base <= last; base += step) slots.push(base);
  // A window narrower than a slot has its one base all the same.
  return slots.length === 0 && first <= last ? [first] : slots;
}

/** Boundaries that an image can straddle: the old ISA hole, a page directory's reach, the sign bit. */
const BOUNDARIES = [16 * MIB, 64 * MIB, GIB, 2 * GIB];

function tellingBases({ first, last, align }: Window, { linkBase, loadSize }: LoadedImage): number[] {
  const step = alignUp(Math.max(SLOT, align), align);
  const home = alignDown(linkBase, align);
  const straddling = BOUNDARIES.map((boundary) => boundary - alignUp(Math.ceil(loadSize / 2), align));
  return [
    home, // relocation by nothing
    ...[home - step, home + step], // overlapping where it was linked, or just beside it
    home + alignUp(loadSize, step),
    ...straddling,
    ...BOUNDARIES, // the last: the sign bit is set in every address
    first,
    last,
  ]
    .map((base) => alignDown(base, align))
    .filter((base) => base >= first && base <= last);
}

/** Whole pages off: by one, and by half of what is asked for, low and with the sign bit set. */
function misalignedBases({ first, last, align }: Window, aligned: readonly number[]): number[] {
  const offsets = ascending([0x1000, align / 2]).filter(
    (offset) => offset >= 1 && offset % align !== 0 && isAligned(offset, PAGE_BYTES),
  );
  const sorted = ascending(aligned);
  const homes = [64 * MIB, 2 * GIB].flatMap((wanted) => sorted.find((base) => base >= wanted) ?? []);
  return (homes.length > 0 ? homes : [first])
    .flatMap((home) => offsets.map((offset) => home + offset))
    .filter((base) => Number.isInteger(base) && base <= last);
}

function ascending(bases: readonly number[]): number[] {
  return [...new Set(bases)].sort((a, b) => a - b);
}
