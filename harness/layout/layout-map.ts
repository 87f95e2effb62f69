/**
 * Who owns which physical memory, as one map: the parts that a boot has laid out (the image, modules, boot information,
 * the trampoline, …) over the firmware's own memory map. Parts must be pairwise disjoint and lie in RAM that is free.
 */
import { intersect, overlaps, rangeText, sizeOf, subtract, union, type Interval } from './interval.ts';

/** One entry of a firmware's memory map. */
export interface MapRegion extends Interval {
  readonly use: 'free' | 'loader' | 'boot-services' | 'reserved';
  /** The firmware's own word for it. */
  readonly label: string;
}

/** Something that was put into memory, and by whom it is known. */
export interface Part extends Interval {
  /** e.g. `Xen`, `module 0`, `trampoline and low stack`. */
  readonly name: string;
  /** May stand on memory that the firmware does not give away (its own data areas); default: must be in free RAM. */
  readonly home?: 'free' | 'any';
}

export interface LayoutMap {
  /** Ascending and disjoint, whatever the firmware said. */
  readonly regions: readonly MapRegion[];
  /** Ascending by start; as given otherwise. */
  readonly parts: readonly Part[];
  /** What is odd about the firmware's map; nobody's fault here. */
  readonly remarks: readonly string[];
  /** Each a broken invariant. */
  readonly problems: readonly string[];
}

/** Xen's own table of the map has this many entries (E820MAX in xen/include/asm-x86/e820.h before 4.11: 128). */
const MANY_ENTRIES = 128;

/** Where regions of a map overlap, the one that gives least away holds. */
const STRICTNESS = { free: 0, loader: 1, 'boot-services': 2, reserved: 3 } as const;

export function layoutMap(given: readonly MapRegion[], parts: readonly Part[]): LayoutMap {
  const { regions, remarks } = normalised(given);
  const placed = parts.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
  const inverted = parts
    .filter(({ start, end }) => end < start)
    .map(
      ({ name, start, end }) =>
        `${name} ends at 0x${end.toString(16)}, before its start 0x${start.toString(16)}`,
    );
  return {
    regions,
    parts: placed,
    remarks,
    problems: [...inverted, ...collisions(placed), ...homeless(placed, regions)],
  };
}

/** A firmware's map as it should have been: ascending, disjoint, nothing empty; and what had to be done for that. */
export function normalised(given: readonly MapRegion[]): Pick<LayoutMap, 'regions' | 'remarks'> {
  const remarks: string[] = [];
  const empty = given.filter(({ start, end }) => end <= start).length;
  if (empty > 0) remarks.push(`${empty} of the memory map's entries are empty`);
  if (given.some(({ start }, i) => start < (given[i - 1]?.start ?? 0)))
    remarks.push("the memory map's entries are not in ascending order");
  if (given.length > MANY_ENTRIES)
    remarks.push(
      `the memory map has ${given.length} entries, more than the ${MANY_ENTRIES} that many kernels keep`,
    );
  const real = given.filter(({ start, end }) => end > start);
  const ascending = [...real].sort((a, b) => a.start - b.start);
  if (ascending.every(({ start }, i) => start >= (ascending[i - 1]?.end ?? 0)))
    return { regions: ascending, remarks };
  const strictestFirst = [...real].sort((a, b) => STRICTNESS[b.use] - STRICTNESS[a.use]);
  const regions: MapRegion[] = [];
  let taken: Interval[] = [];
  let overlapBytes = 0;
  for (const region of strictestFirst) {
    const left = subtract([region], taken);
    overlapBytes += region.end - region.start - sizeOf(left);
    regions.push(...left.map((piece) => ({ ...region, ...piece })));
    taken = union([...taken, region]);
  }
  if (overlapBytes > 0)
    remarks.push(`the memory map's entries overlap (${overlapBytes} bytes); the stricter one holds`);
  return { regions: regions.sort((a, b) => a.start - b.start), remarks };
}

/** Memory that the firmware's map gives away once boot services are over. */
export function freeMemory(regions: readonly MapRegion[]): Interval[] {
  return union(regions.filter(({ use }) => use === 'free' || use === 'loader'));
}

/** Ascending parts; each pair once. More than a few say nothing new. */
const MAX_COLLISIONS = 8;

function collisions(parts: readonly Part[]): string[] {
  const found: string[] = [];
  for (const [i, a] of parts.entries())
    for (const b of parts.slice(i + 1)) {
      if (b.start >= a.end) break;
      if (!overlaps(a, b)) continue;
      if (found.length === MAX_COLLISIONS) return [...found, 'and more'];
      found.push(`${b.name} (${rangeText(b)}) overlaps ${a.name} (${rangeText(a)})`);
    }
  return found;
}

function homeless(parts: readonly Part[], regions: readonly MapRegion[]): string[] {
  if (regions.length === 0) return [];
  const free = freeMemory(regions);
  return parts
    .filter(({ home }) => home !== 'any')
    .flatMap((part) => {
      const [outside] = subtract([part], free);
      if (!outside) return [];
      const owner = regions.find((region) => overlaps(region, outside));
      const what = owner ? `${owner.label}, which the firmware keeps` : 'no memory at all';
      return [`${part.name} (${rangeText(part)}) covers ${rangeText(outside)}: ${what}`];
    });
}

/** Free memory that no part owns. */
export function unowned({ regions, parts }: Pick<LayoutMap, 'regions' | 'parts'>): Interval[] {
  return subtract(freeMemory(regions), parts);
}

/** The map as text, one line a range, for a person; parts stand indented in the region they lie in. */
export function drawLayout({ regions, parts, remarks, problems }: LayoutMap): string[] {
  const runs = joinedRegions(regions);
  const lines = runs.flatMap((region) => [
    { at: region.start, text: `${rangeText(region)}  ${region.label}` },
    ...parts
      .filter((part) => intersect([part], [region]).length > 0)
      .map((part) => ({ at: part.start, text: `  ${rangeText(part)}  ${part.name}` })),
  ]);
  const homelessParts = parts
    .filter((part) => !runs.some((region) => overlaps(region, part)))
    .map((part) => ({
      at: part.start,
      text: `  ${rangeText(part)}  ${part.name} (in no memory of the map)`,
    }));
  return [
    ...[...lines, ...homelessParts].sort((a, b) => a.at - b.at).map(({ text }) => text),
    ...remarks.map((text) => `note: ${text}`),
    ...problems.map((text) => `WRONG: ${text}`),
  ];
}

/** A UEFI map has a hundred entries; neighbours of one use are one line, so that the parts can be seen. */
function joinedRegions(regions: readonly MapRegion[]): MapRegion[] {
  const joined: MapRegion[] = [];
  for (const region of regions) {
    const last = joined.at(-1);
    const isNext = last?.end === region.start && last.use === region.use;
    if (!isNext) joined.push(region);
    else
      joined[joined.length - 1] = {
        ...last,
        end: region.end,
        label: last.label.includes(region.label) ? last.label : `${last.label}, ${region.label}`,
      };
  }
  return joined;
}
