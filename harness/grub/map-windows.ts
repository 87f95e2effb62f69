/** Windows that are defined by where a memory map has firmware and free memory. */
import { alignDown, alignUp, MIB } from '../bits/align.ts';
import type { MemoryRegion } from './memory-map.ts';
import { ADDRESS_LIMIT, type Range, without } from './window-rules.ts';

export type MapWindowName =
  | 'straddles-firmware'
  | 'firmware-owned'
  | 'ends-at-firmware'
  | 'into-firmware'
  | 'after-firmware'
  | 'out-of-firmware'
  | 'highest-memory'
  | 'top-of-memory'
  | 'across-descriptors'
  | 'lowest-but-half';

const PAGE = 4096;

/**
 * @param usable what usableMemory gives for the map.
 * @returns windows by name as minimum and maximum address; undefined where the map has none for an image of this size.
 */
export function mapWindows(
  map: readonly MemoryRegion[],
  usable: readonly Range[],
  sizeBytes: number,
): Readonly<Record<MapWindowName, Range | undefined>> {
  const size = alignUp(sizeBytes, PAGE);
  const free = without(usable, [
    { start: 0, end: MIB },
    { start: ADDRESS_LIMIT, end: Number.MAX_SAFE_INTEGER },
  ]).filter(({ start, end }) => end - start >= 2 * size);
  const [lowest, highest] = [free[0], free.at(-1)];
  const before = lowest && owned(map, usable).find(({ start }) => start === lowest.end);
  const after = highest && owned(map, usable).find(({ end }) => end === highest.start);
  const holder = owned(map, usable).find(
    (region) => region.start >= MIB && region.end - region.start >= size,
  );
  const border = neighbours(map, usable).find((at) =>
    free.some(({ start, end }) => at - start >= size && end - at >= size),
  );
  return {
    'straddles-firmware': before && { start: before.start - 2 * size, end: before.end + 2 * size },
    'firmware-owned': holder && { start: holder.start, end: Math.min(holder.end, ADDRESS_LIMIT - 1) },
    'ends-at-firmware': before && exactly(before.start - size, sizeBytes),
    'into-firmware': before && exactly(before.start - size + PAGE, sizeBytes),
    'after-firmware': after && exactly(after.end, sizeBytes),
    'out-of-firmware': after && exactly(after.end - PAGE, sizeBytes),
    'highest-memory': highest,
    'top-of-memory': highest && exactly(highest.end - size, sizeBytes),
    'across-descriptors':
      border === undefined ? undefined : exactly(border - alignDown(size / 2, PAGE), sizeBytes),
    'lowest-but-half': lowest && exactly(lowest.start + alignDown(size / 2, PAGE), sizeBytes),
  };
}

function exactly(base: number, sizeBytes: number): Range {
  return { start: base, end: base + sizeBytes };
}

/** What the map names and the image may not have, neighbours joined. */
function owned(map: readonly MemoryRegion[], usable: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const { start, end } of without(
    [...map].sort((a, b) => a.start - b.start),
    usable,
  )) {
    const last = result.at(-1);
    if (last && start <= last.end)
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, end) };
    else result.push({ start, end });
  }
  return result;
}

/** Addresses where one usable entry of the map ends and another begins. */
function neighbours(map: readonly MemoryRegion[], usable: readonly Range[]): number[] {
  const inside = (at: number) => usable.some(({ start, end }) => start < at && at < end);
  return map.map(({ end }) => end).filter(inside);
}
