/**
 * Where GRUB can put an image whose relocatable header tag leaves it one place, predicted from the memory map it prints
 * itself before it loads. Two rules, both visible in `set debug=relocator` output of GRUB 2.06:
 *
 * 1. The target must lie inside ONE available descriptor of the firmware's map (E820: available RAM; UEFI: conventional
 *    and loader memory, not boot services, where the image asks that they be kept).
 *    Source: grub-core/lib/relocator.c, grub_relocator_alloc_chunk_align_iter.
 * 2. On UEFI, GRUB first takes a staging buffer of the image's size and alignment from the lowest free memory; that
 *    splits the free descriptor it came from, so a target that overlaps the buffer without being it is refused although
 *    the firmware does not own a byte of it. Source: the same file, malloc_in_range called before the search.
 */
import { alignUp, alignDown } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { Firmware } from './firmware-kind.ts';
import type { MemoryRegion } from './memory-map.ts';
import { isUsable } from './window-rules.ts';

export interface PlacementRequest {
  readonly base: number;
  readonly sizeBytes: number;
  /** Alignment in the tag that GRUB is given. */
  readonly alignment: number;
  readonly firmware: Firmware;
  /** false: the memory of UEFI's boot services is the image's, too. Left out, the image asks to keep them, as Xen does. */
  readonly keepsBootServices?: boolean;
}

export type PlacementPrediction =
  | { readonly kind: 'placed' }
  | { readonly kind: 'refused'; readonly cause: 'owned' | 'staging' | 'no-memory'; readonly reason: string };

const PAGE = 4096;

export function predictPlacement(
  map: readonly MemoryRegion[],
  request: PlacementRequest,
): PlacementPrediction {
  const { base, sizeBytes } = request;
  const end = base + sizeBytes;
  const overlapping = map.filter((region) => region.start < end && region.end > base);
  const owned = overlapping.find((region) => !isAvailable(region, request));
  if (owned)
    return refused(
      'owned',
      `the firmware keeps ${range(owned)} (${owned.label}), and the image would cover ${range({ start: base, end })}`,
    );
  if (!covers(overlapping, base, end))
    return refused('no-memory', `there is no memory at all of ${range({ start: base, end })}`);
  const { descriptors, staging } = available(map, request);
  if (descriptors.some((region) => region.start <= base && region.end >= end)) return { kind: 'placed' };
  return refused(
    'staging',
    staging
      ? `GRUB's own staging buffer ${range(staging)} splits the free memory that the image would cover (${range({ start: base, end })})`
      : `no single free region holds ${range({ start: base, end })}, and GRUB does not join neighbours`,
  );
}

/** Memory as GRUB sees it when it must move the image: each stretch is looked at alone. */
export function searchedMemory(
  map: readonly MemoryRegion[],
  request: Omit<PlacementRequest, 'base'>,
): readonly MemoryRegion[] {
  return available(map, request).descriptors;
}

function isAvailable(
  region: MemoryRegion,
  { keepsBootServices = true }: Pick<PlacementRequest, 'keepsBootServices'>,
): boolean {
  return isUsable(region, { keepsBootServices });
}

/** GRUB's view when it looks for the target: available descriptors, with its staging buffer cut out on UEFI. */
function available(map: readonly MemoryRegion[], request: Omit<PlacementRequest, 'base'>) {
  const usable = map.filter((region) => isAvailable(region, request));
  if (request.firmware === 'bios') return { descriptors: usable, staging: undefined };
  const staging = stagingBuffer(map, request);
  if (!staging) return { descriptors: usable, staging };
  const descriptors = usable.flatMap((region) =>
    staging.start >= region.start && staging.end <= region.end
      ? [
          { ...region, end: staging.start },
          { ...region, ...staging },
          { ...region, start: staging.end },
        ]
      : [region],
  );
  return { descriptors: descriptors.filter((region) => region.end > region.start), staging };
}

function stagingBuffer(
  map: readonly MemoryRegion[],
  request: Omit<PlacementRequest, 'base'>,
): { start: number; end: number } | undefined {
  for (const region of map) {
    if (region.use !== 'free') continue;
    const start = alignUp(region.start, request.alignment);
    const end = alignUp(start + request.sizeBytes, PAGE);
    if (end <= region.end) return { start, end };
  }
  return undefined;
}

/** Do the (sorted) regions leave no hole between base and end? */
function covers(regions: readonly MemoryRegion[], base: number, end: number): boolean {
  let reached = base;
  for (const region of regions) {
    if (region.start > reached) return false;
    reached = Math.max(reached, region.end);
  }
  return reached >= end;
}

export interface Slots {
  readonly minAddr: number;
  readonly maxAddr: number;
  readonly alignment: number;
  readonly sizeBytes: number;
  readonly firmware: Firmware;
}

/** The highest slot GRUB would take, or undefined where there is none. */
export function highestPlaceable(map: readonly MemoryRegion[], slots: Slots): number | undefined {
  return descending(map, slots).find((base) => predictPlacement(map, { base, ...slots }).kind === 'placed');
}

/** The lowest slot of which the firmware keeps a part, or undefined where it keeps none. */
export function lowestOwned(map: readonly MemoryRegion[], slots: Slots): number | undefined {
  return descending(map, slots)
    .reverse()
    .find((base) => {
      const prediction = predictPlacement(map, { base, ...slots });
      return prediction.kind === 'refused' && prediction.cause === 'owned';
    });
}

/** Every aligned base of the window below the end of usable memory, highest first. */
function descending(map: readonly MemoryRegion[], slots: Slots): number[] {
  const ramEnd = Math.max(
    0,
    ...map.filter(({ use, end }) => use !== 'reserved' && end <= 2 ** 32).map(({ end }) => end),
  );
  const bases: number[] = [];
  const last = alignDown(Math.min(ramEnd, slots.maxAddr - slots.sizeBytes), slots.alignment);
  for (let base = last; base >= slots.minAddr; base -= slots.alignment) bases.push(base);
  return bases;
}

function refused(cause: 'owned' | 'staging' | 'no-memory', reason: string): PlacementPrediction {
  return { kind: 'refused', cause, reason };
}

function range({ start, end }: { start: number; end: number }): string {
  return `${hex(start)}–${hex(end - 1)}`;
}
