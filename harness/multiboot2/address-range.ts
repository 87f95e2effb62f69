/** Ranges of physical addresses: what overlaps what. */
import { hex } from '../bits/hex.ts';

export interface AddressRange {
  /** In words, with its article: `module 2`, `the image`. */
  readonly what: string;
  readonly start: bigint;
  /** The first byte after it. */
  readonly end: bigint;
}

export function addressRange(what: string, start: number | bigint, end: number | bigint): AddressRange {
  return { what, start: BigInt(start), end: BigInt(end) };
}

/** e.g. `module 1 (0x00100000…0x00100005)`. */
export function rangeText({ what, start, end }: AddressRange): string {
  return `${what} (${hex(start)}…${hex(end)})`;
}

/** Empty ranges overlap nothing. */
export function overlaps(a: AddressRange, b: AddressRange): boolean {
  return a.start < a.end && b.start < b.end && a.start < b.end && b.start < a.end;
}

/** What of `others` overlaps `range`, in words. */
export function overlapsWith(range: AddressRange, others: readonly AddressRange[]): readonly string[] {
  return others
    .filter((other) => overlaps(range, other))
    .map((other) => `${rangeText(range)} overlaps ${rangeText(other)}`);
}

/** Which ranges overlap one that begins at or before them, in words; sorts, so n ranges cost n log n. */
export function overlapsAmong(ranges: readonly AddressRange[]): readonly string[] {
  const sorted = ranges.filter(({ start, end }) => start < end).sort((a, b) => compare(a.start, b.start));
  const found: string[] = [];
  let [reach] = sorted;
  for (const range of sorted.slice(1)) {
    if (reach && range.start < reach.end) found.push(`${rangeText(range)} overlaps ${rangeText(reach)}`);
    if (!reach || range.end > reach.end) reach = range;
  }
  return found;
}

/** Whether `ranges` together hold all of `range`; they need not be sorted. */
export function covered(range: AddressRange, ranges: readonly AddressRange[]): boolean {
  let at = range.start;
  for (const { start, end } of [...ranges].sort((a, b) => compare(a.start, b.start))) {
    if (at >= range.end || start > at) break;
    if (end > at) at = end;
  }
  return at >= range.end;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
