/**
 * Where a relocatable image must come to lie under GRUB, or that GRUB must refuse it: the specification's answer
 * (window-rules.ts), widened by what GRUB keeps for itself while it loads, and by no more.
 *
 * GRUB loads an image straight to its place where it can; else it loads it elsewhere and moves it when it boots
 * (grub-core/lib/relocator.c, grub_relocator_alloc_chunk_align). Straight into: memory that the map calls available
 * (i386-pc: from 1 MiB, grub-core/kern/i386/pc/init.c; UEFI: not boot services), without what its heap holds then. The
 * heap fills from the top of its region down (grub-core/kern/mm.c), which bounds where its memory is.
 */
import { MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { MemoryRegion } from './memory-map.ts';
import {
  ADDRESS_LIMIT,
  allowedBases,
  alignmentOf,
  basesIn,
  preferredBase,
  rangeText,
  usableMemory,
  type BaseRange,
  type Range,
  type WindowRequest,
  without,
} from './window-rules.ts';

/** Memory that the map leaves to the image, but where GRUB does not load it, or perhaps not. */
export interface LoaderMemory extends Range {
  readonly whose: string;
  /** GRUB never loads an image straight to there; else it may be in use. */
  readonly never: boolean;
}

/** Lowest and highest of some bases, both inclusive. */
export interface Bounds {
  readonly lowest: number;
  readonly highest: number;
}

export interface ExpectedPlaced {
  readonly kind: 'placed';
  /** The one base that conforms; absent where several do. */
  readonly base?: number;
  /** Of the allowed bases those within one of these conform; without a preference that is all. */
  readonly conforming: readonly Bounds[];
  readonly allowed: readonly BaseRange[];
  readonly why: string;
}

export type RefusalRule = 'window-too-small' | 'no-place';

export interface ExpectedRefused {
  readonly kind: 'refused';
  readonly rule: RefusalRule;
  readonly reason: string;
  /** What GRUB prints, without `error: ` and the full stop. */
  readonly error: RegExp;
}

export type ExpectedPlacement = ExpectedPlaced | ExpectedRefused;

/** GRUB's words: grub-core/loader/multiboot_elfxx.c and grub-core/lib/relocator.c. */
export const REFUSALS: Readonly<Record<RefusalRule, RegExp>> = {
  'window-too-small': /^invalid min\/max address and\/or load size$/,
  'no-place': /^couldn't find suitable memory target$/,
};

/**
 * More than GRUB's heap was ever seen to hold while it loads an image: 1.2 MiB (GRUB 2.06; SeaBIOS 0.9 MiB, OVMF 1.2 MiB;
 * images of 12 KiB to 4 MiB, machines of 512 and 2560 MiB).
 */
export const HEAP_LIMIT_BYTES = 2 * MIB;

/** What GRUB keeps of the memory that the image may have. */
export function loaderMemory(map: readonly MemoryRegion[], request: WindowRequest): LoaderMemory[] {
  if (request.firmware === 'bios') {
    const whose = "the PC's low memory, where GRUB's core and the BIOS's data are";
    const usable = usableMemory(map, request).filter(({ start }) => start < ADDRESS_LIMIT);
    return [{ start: 0, end: MIB, whose, never: true }, ...usable.slice(-1).map(heapOf)];
  }
  const whose = "UEFI's boot services until they end";
  const loader = map.filter(({ use }) => use === 'loader').map(heapOf);
  const services = request.keepsBootServices ? [] : map.filter(({ use }) => use === 'boot-services');
  return [...services.map(({ start, end }) => ({ start, end, whose, never: true })), ...loader];
}

function heapOf({ start, end }: Range): LoaderMemory {
  const top = Math.min(end, ADDRESS_LIMIT);
  const whose = 'GRUB and its heap';
  return { start: Math.max(start, top - HEAP_LIMIT_BYTES), end: top, whose, never: false };
}

/** What must happen to the request on a machine whose firmware reports `map`. */
export function expectedPlacement(map: readonly MemoryRegion[], request: WindowRequest): ExpectedPlacement {
  const { minAddr, maxAddr, sizeBytes } = request;
  const end = minAddr + sizeBytes;
  if (end > maxAddr)
    return refused(
      'window-too-small',
      `${hex(sizeBytes, 1)} bytes from ${hex(minAddr)} end at ${hex(end)}, above ${hex(maxAddr)}`,
    );
  const allowed = allowedBases(map, request);
  const [first, last] = [allowed[0], allowed.at(-1)];
  if (first && last) return placed(map, request, allowed, { lowest: first.first, highest: last.last });
  return refused(
    'no-place',
    `nowhere from ${hex(minAddr)} to ${hex(maxAddr)} do ${hex(sizeBytes, 1)} bytes from a multiple of ` +
      `${hex(alignmentOf(request), 1)} lie in memory that the image may have`,
  );
}

function refused(rule: RefusalRule, reason: string): ExpectedRefused {
  return { kind: 'refused', rule, reason, error: REFUSALS[rule] };
}

function placed(
  map: readonly MemoryRegion[],
  request: WindowRequest,
  allowed: readonly BaseRange[],
  all: Bounds,
): ExpectedPlaced {
  const { preference } = request;
  const preferred = preferredBase(allowed, request);
  if (preferred === undefined)
    return {
      kind: 'placed',
      conforming: [all],
      allowed,
      why: 'without a preference each allowed base conforms',
    };
  const best = { lowest: preferred, highest: preferred };
  const direct = directBounds(map, request) ?? best;
  const superlative = preference === 'none' ? 'only' : SUPERLATIVES[preference];
  if (direct.lowest === preferred && direct.highest === preferred)
    return {
      kind: 'placed',
      base: preferred,
      conforming: [best],
      allowed,
      why: `it is the ${superlative} allowed base`,
    };
  const why = `${hex(preferred)} is the ${superlative} allowed base, but ${whoKeeps(map, request, preferred)}`;
  const isWithin = preferred >= direct.lowest && preferred <= direct.highest;
  return { kind: 'placed', conforming: isWithin ? [direct] : [best, direct], allowed, why };
}

export function boundsText({ lowest, highest }: Bounds): string {
  return lowest === highest ? hex(lowest) : `${hex(lowest)} to ${hex(highest)}`;
}

export const SUPERLATIVES = { low: 'lowest', high: 'highest' } as const;

function whoKeeps(map: readonly MemoryRegion[], request: WindowRequest, preferred: number): string {
  const end = preferred + request.sizeBytes;
  const owner = loaderMemory(map, request).find((kept) => kept.start < end && kept.end > preferred);
  return owner ? `${rangeText(owner)} may be kept by ${owner.whose}` : 'GRUB may keep memory there';
}

/**
 * Where GRUB would load the image straight to its place: from the base it takes where its heap holds nothing to the one
 * it takes where its heap holds as much as it may.
 * @returns undefined where there is no place for that; then GRUB moves the image, and its heap is in no way.
 */
export function directBounds(map: readonly MemoryRegion[], request: WindowRequest): Bounds | undefined {
  const kept = loaderMemory(map, request);
  const perhaps = without(
    usableMemory(map, request),
    kept.filter(({ never }) => never),
  );
  const sure = basesIn(without(perhaps, kept), request);
  const possible = basesIn(perhaps, request);
  const [lowest, highest] = [possible[0]?.first, possible.at(-1)?.last];
  if (lowest === undefined || highest === undefined) return undefined;
  return request.preference === 'high'
    ? { lowest: sure.at(-1)?.last ?? lowest, highest }
    : { lowest, highest: sure[0]?.first ?? highest };
}
