/**
 * Where GRUB is known not to do what the specification says of the relocatable header tag, each as a condition on the
 * request and what GRUB does instead. Whatever else it does stays a disagreement. All were found and measured with GRUB
 * 2.06 on SeaBIOS and OVMF; window-judgement.test.ts has the choices.
 */
import { alignUp } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { MemoryRegion } from './memory-map.ts';
import { searchedMemory } from './placement.ts';
import { boundsText, directBounds, REFUSALS, type Bounds } from './window-prediction.ts';
import {
  ADDRESS_LIMIT,
  alignmentOf,
  allowedBases,
  basesIn,
  type RuleName,
  rulesBroken,
  type WindowRequest,
} from './window-rules.ts';

/** What the loader did with the request. */
export type SeenPlacement =
  | { readonly kind: 'placed'; readonly base: number }
  | { readonly kind: 'refused'; readonly errors: readonly string[] };

export type DeviationName =
  | 'highest-one-image-short'
  | 'highest-address-lost'
  | 'lowest-address-lost'
  | 'moved-to-address-0'
  | 'descriptors-not-joined'
  | 'alignment-as-bit-mask';

export interface KnownDeviation {
  readonly name: DeviationName;
  /** Loader names and versions (boot information tag 2) that do this. */
  readonly loader: RegExp;
  /** Rules that the loader breaks by it; it keeps the others. */
  readonly breaks: readonly RuleName[];
  readonly text: string;
  /** What the loader does instead, or undefined where the condition does not hold. */
  readonly instead: (map: readonly MemoryRegion[], request: WindowRequest) => Instead | undefined;
}

interface Instead {
  readonly text: string;
  readonly accepts: (seen: SeenPlacement) => boolean;
}

const GRUB_2_06 = /\b2\.06\b/;

/** How GRUB searches where there is no preference. */
function searched(request: WindowRequest, window: Partial<WindowRequest>): WindowRequest {
  return { ...request, preference: request.preference === 'high' ? 'high' : 'low', ...window };
}

function between(bounds: Bounds | undefined): Instead | undefined {
  if (!bounds) return undefined;
  const { lowest, highest } = bounds;
  return {
    text: boundsText(bounds),
    accepts: (seen) => seen.kind === 'placed' && seen.base >= lowest && seen.base <= highest,
  };
}

/** GRUB takes its last possible start for its last possible end, and has less than an image left of the window. */
function isLimitLost(request: WindowRequest): boolean {
  const missing = 2 * request.sizeBytes - request.maxAddr;
  return missing > 0 && alignUp(missing, alignmentOf(request)) > request.sizeBytes;
}

function isStartLost(request: WindowRequest): boolean {
  return request.firmware === 'bios' && alignUp(request.minAddr, alignmentOf(request)) >= ADDRESS_LIMIT;
}

function directFromZero(map: readonly MemoryRegion[], request: WindowRequest): Bounds | undefined {
  return directBounds(map, searched(request, { minAddr: 0, maxAddr: request.maxAddr - request.sizeBytes }));
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}

const DEVIATIONS: readonly KnownDeviation[] = [
  {
    name: 'highest-one-image-short',
    loader: GRUB_2_06,
    breaks: [],
    text:
      'the last possible start (maximum − size) is handed to a search that takes it for the last possible end, so that ' +
      'the highest base found lies one image too low (multiboot_elfxx.c → relocator.c, malloc_in_range)',
    instead: (map, request) =>
      request.preference === 'high'
        ? between(directBounds(map, { ...request, maxAddr: request.maxAddr - request.sizeBytes }))
        : undefined,
  },
  {
    name: 'highest-address-lost',
    loader: GRUB_2_06,
    breaks: ['maximum'],
    text:
      'where the maximum is below twice the size and the alignment is above the size, rounding passes below zero and the ' +
      'search knows no maximum any more (relocator.c, malloc_in_range)',
    instead: (map, request) =>
      isLimitLost(request)
        ? between(directBounds(map, searched(request, { maxAddr: ADDRESS_LIMIT - 1 })))
        : undefined,
  },
  {
    name: 'lowest-address-lost',
    loader: GRUB_2_06,
    breaks: ['minimum'],
    text:
      'on i386-pc addresses have 32 bits: a minimum that rounds up to 4 GiB becomes 0, and the search begins there ' +
      '(relocator.c, malloc_in_range)',
    instead: (map, request) => (isStartLost(request) ? between(directFromZero(map, request)) : undefined),
  },
  {
    name: 'moved-to-address-0',
    loader: GRUB_2_06,
    breaks: ['minimum', 'memory'],
    text:
      'as lowest-address-lost, where the image must be moved: its place becomes 0, which need not even be in the ' +
      'descriptor that is looked at, and the firmware may keep it (relocator.c, grub_relocator_alloc_chunk_align)',
    instead: (map, request) =>
      isStartLost(request) && !directFromZero(map, request) ? between({ lowest: 0, highest: 0 }) : undefined,
  },
  {
    name: 'descriptors-not-joined',
    loader: GRUB_2_06,
    breaks: [],
    text:
      'where the image must be moved, its place is looked for in one descriptor of the map at a time, and under UEFI ' +
      "GRUB's own staging buffer has split one before (relocator.c, grub_relocator_alloc_chunk_align)",
    instead: (map, request) => movedInstead(map, request),
  },
  {
    name: 'alignment-as-bit-mask',
    loader: GRUB_2_06,
    breaks: ['alignment'],
    text: 'the alignment is taken for a power of two whatever it is (misc.h, ALIGN_UP)',
    instead: (_map, request) => {
      const mask = alignmentOf(request) - 1;
      if (isPowerOfTwo(mask + 1)) return undefined;
      const { preference, minAddr } = request;
      const lowest = ((minAddr + mask) & ~mask) >>> 0;
      const text = preference === 'low' ? hex(lowest) : `a base without the bits of ${hex(mask, 1)}`;
      const fits = (base: number) => (preference === 'low' ? base === lowest : (base & mask) === 0);
      return { text, accepts: (seen) => seen.kind === 'placed' && fits(seen.base) };
    },
  },
];

function movedInstead(map: readonly MemoryRegion[], request: WindowRequest): Instead | undefined {
  const { sizeBytes, firmware, keepsBootServices = false } = request;
  const direct = directBounds(map, searched(request, { maxAddr: request.maxAddr - sizeBytes }));
  if (firmware === 'bios' || direct || isLimitLost(request)) return undefined;
  if (allowedBases(map, request).length === 0) return undefined;
  const alignment = alignmentOf(request);
  const found = basesIn(searchedMemory(map, { sizeBytes, alignment, firmware, keepsBootServices }), request);
  const [lowest, highest] = [found[0]?.first, found.at(-1)?.last];
  if (lowest === undefined || highest === undefined)
    return {
      text: 'a refusal',
      accepts: (seen) =>
        seen.kind === 'refused' && seen.errors.some((error) => REFUSALS['no-place'].test(error)),
    };
  const base = request.preference === 'high' ? highest : lowest;
  return request.preference === 'none' ? undefined : between({ lowest: base, highest: base });
}

/**
 * The known deviations of this loader that apply to the request, with what each makes of it.
 * @param loader name and version, as boot information tag 2 or the build says it; nothing is known of an unnamed one.
 */
export function knownDeviations(
  map: readonly MemoryRegion[],
  request: WindowRequest,
  loader: string,
): readonly (Instead & { readonly deviation: KnownDeviation })[] {
  // Those it refuses before it searches, and rightly.
  if (request.minAddr + request.sizeBytes > request.maxAddr) return [];
  return DEVIATIONS.filter((deviation) => deviation.loader.test(loader)).flatMap((deviation) => {
    const instead = deviation.instead(map, request);
    if (!instead) return [];
    const accepts = (seen: SeenPlacement) =>
      instead.accepts(seen) &&
      (seen.kind === 'refused' || breaksOnly(deviation.breaks, map, request, seen.base));
    return [{ ...instead, accepts, deviation }];
  });
}

function breaksOnly(
  known: readonly RuleName[],
  map: readonly MemoryRegion[],
  request: WindowRequest,
  base: number,
): boolean {
  return rulesBroken(map, request, base).every(({ rule }) => known.includes(rule));
}
