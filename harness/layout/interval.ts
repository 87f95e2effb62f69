/** Ranges of physical addresses and their arithmetic. */
import { hex } from '../bits/hex.ts';

export interface Interval {
  readonly start: number;
  /** First address past it. */
  readonly end: number;
}

export function overlaps(a: Interval, b: Interval): boolean {
  return a.start < b.end && b.start < a.end && a.start < a.end && b.start < b.end;
}

/** Ascending, disjoint, joined where they touch; empty and inverted ones are left out. */
export function union(intervals: readonly Interval[]): Interval[] {
  const joined: Interval[] = [];
  const sorted = intervals.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
  for (const { start, end } of sorted) {
    const last = joined.at(-1);
    if (last && start <= last.end) joined[joined.length - 1] = { ...last, end: Math.max(last.end, end) };
    else joined.push({ start, end });
  }
  return joined;
}

/** What of `from` lies in none of `taken`; as {@link union} gives it. */
export function subtract(from: readonly Interval[], taken: readonly Interval[]): Interval[] {
  const cuts = union(taken);
  return union(from).flatMap((interval) => {
    const left: Interval[] = [];
    let { start } = interval;
    for (const cut of cuts) {
      if (cut.end <= start || cut.start >= interval.end) continue;
      if (cut.start > start) left.push({ start, end: cut.start });
      start = cut.end;
    }
    return start < interval.end ? [...left, { start, end: interval.end }] : left;
  });
}

/** What lies in both; as {@link union} gives it. */
export function intersect(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  return subtract(a, subtract(a, b));
}

export function sizeOf(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);
}

/** `0x03e00000–0x041c7fff`, the last address included. */
export function rangeText({ start, end }: Interval): string {
  return end > start ? `${hex(start)}–${hex(end - 1)}` : `${hex(start)} (empty)`;
}
