/** Which linear addresses the model executes; all else is an excursion. */

export interface LinearRange {
  readonly start: bigint;
  /** First address past it. */
  readonly end: bigint;
}

export function isInside(ranges: readonly LinearRange[], linear: bigint): boolean {
  return ranges.some(({ start, end }) => linear >= start && linear < end);
}
