/**
 * What the Multiboot2 Specification 2.0 §3.1.13 (relocatable header tag) and a memory map leave to a loader: every base
 * where the whole image lies in the window and in memory that is the image's to have, and of those the one that the
 * preference asks for. Nothing here knows GRUB; window-prediction.ts does.
 */
import { alignDown, alignUp, isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { RelocationWindow } from '../multiboot2/header-tags.ts';
import type { Firmware } from './firmware-kind.ts';
import type { MemoryRegion } from './memory-map.ts';

/** What an image asks for, and of which firmware's loader. */
export interface WindowRequest extends RelocationWindow {
  /** Bytes from the image's lowest to its highest address, BSS included. */
  readonly sizeBytes: number;
  readonly firmware: Firmware;
  /** The image has the header tag 7, so that the memory of UEFI's boot services is not free when it runs. */
  readonly keepsBootServices?: boolean;
}

export interface Range {
  readonly start: number;
  /** First byte past the range. */
  readonly end: number;
}

/** The bases that one stretch of free memory has room for: `first`, and by the alignment up to `last`. */
export interface BaseRange {
  readonly first: number;
  readonly last: number;
  readonly memory: Range;
}

export type RuleName = 'alignment' | 'minimum' | 'maximum' | 'memory';

/** One rule that a base breaks, in words. */
export interface RuleBreak {
  readonly rule: RuleName;
  readonly text: string;
}

/** Load base addresses have 32 bits (§3.1.13), and so has what a loader may use. */
export const ADDRESS_LIMIT = 2 ** 32;

/** An alignment of 0 asks for none. */
export function alignmentOf({ align }: RelocationWindow): number {
  return Math.max(1, align);
}

/** Is the region the image's once it runs? The loader's own memory is, for the loader is gone then. */
export function isUsable(
  { use }: MemoryRegion,
  { keepsBootServices }: Pick<WindowRequest, 'keepsBootServices'>,
): boolean {
  return use === 'free' || use === 'loader' || (use === 'boot-services' && keepsBootServices !== true);
}

/** Stretches of memory that the image may have, ascending, neighbours joined; where entries overlap, the kept one counts. */
export function usableMemory(
  map: readonly MemoryRegion[],
  request: Pick<WindowRequest, 'keepsBootServices'>,
): Range[] {
  const usable = joined(map.filter((region) => isUsable(region, request)));
  const kept = map.filter((region) => !isUsable(region, request));
  return without(usable, kept).filter(({ start, end }) => start < end);
}

/** The parts of `ranges` that no part of `taken` covers. */
export function without(ranges: readonly Range[], taken: readonly Range[]): Range[] {
  return taken.reduce<Range[]>(
    (left, { start, end }) =>
      left.flatMap((range) =>
        range.start >= end || range.end <= start
          ? [range]
          : [
              { start: range.start, end: start },
              { start: end, end: range.end },
            ].filter((part) => part.end > part.start),
      ),
    ranges.map(({ start, end }) => ({ start, end })),
  );
}

function joined(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last && start <= last.end)
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, end) };
    else result.push({ start, end });
  }
  return result;
}

/** The aligned bases of the window that each of `memory` has room for, ascending; those without any are left out. */
export function basesIn(memory: readonly Range[], request: WindowRequest): BaseRange[] {
  const align = alignmentOf(request);
  const { minAddr, maxAddr, sizeBytes } = request;
  return memory.flatMap((stretch) => {
    const first = alignUp(Math.max(stretch.start, minAddr), align);
    const end = Math.min(stretch.end, maxAddr, ADDRESS_LIMIT);
    const last = alignDown(end - sizeBytes, align);
    return end >= sizeBytes && first <= last ? [{ first, last, memory: stretch }] : [];
  });
}

/**
 * Every base that the specification and the map allow, ascending. Empty: the loader must refuse.
 * @param map in any order.
 */
export function allowedBases(map: readonly MemoryRegion[], request: WindowRequest): BaseRange[] {
  return basesIn(usableMemory(map, request), request);
}

/** The base that the preference asks for; without a preference only where there is no choice. */
export function preferredBase(allowed: readonly BaseRange[], request: RelocationWindow): number | undefined {
  const [lowest, highest] = [allowed[0]?.first, allowed.at(-1)?.last];
  if (request.preference === 'low') return lowest;
  if (request.preference === 'high') return highest;
  return lowest === highest ? lowest : undefined;
}

/** The rules that an image at `base` breaks; none where the base is one of allowedBases. */
export function rulesBroken(map: readonly MemoryRegion[], request: WindowRequest, base: number): RuleBreak[] {
  const { minAddr, maxAddr, sizeBytes } = request;
  const align = alignmentOf(request);
  const end = base + sizeBytes;
  const broken: RuleBreak[] = [];
  if (!isAligned(base, align))
    broken.push({ rule: 'alignment', text: `${hex(base)} is no multiple of the alignment ${hex(align, 1)}` });
  if (base < minAddr)
    broken.push({
      rule: 'minimum',
      text: `${hex(base)} is below the window's lowest address ${hex(minAddr)}`,
    });
  if (end > maxAddr)
    broken.push({
      rule: 'maximum',
      text: `an image at ${hex(base)} ends at ${hex(end)}, above the window's highest address ${hex(maxAddr)}`,
    });
  const hole = memoryProblem(map, request, { start: base, end });
  if (hole !== undefined) broken.push({ rule: 'memory', text: hole });
  return broken;
}

function memoryProblem(
  map: readonly MemoryRegion[],
  request: WindowRequest,
  image: Range,
): string | undefined {
  const owner = [...map]
    .sort((a, b) => a.start - b.start)
    .find((region) => !isUsable(region, request) && region.start < image.end && region.end > image.start);
  if (owner)
    return `an image at ${rangeText(image)} would cover ${rangeText(owner)}, which the firmware keeps (${owner.label})`;
  const missing = without([image], usableMemory(map, request))[0];
  return (
    missing &&
    `an image at ${rangeText(image)} would cover ${rangeText(missing)}, where the map has no memory`
  );
}

/** `0x00100000–0x001fffff`: both ends belong to the range. */
export function rangeText({ start, end }: Range): string {
  return `${hex(start)}–${hex(end - 1)}`;
}
