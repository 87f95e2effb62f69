/** The inside: where the subject's own code runs, as linear addresses. What runs elsewhere is an excursion. */
import type { LogRange } from '../qemu/machine-spec.ts';

export interface InsideRange extends LogRange {
  /** In words, for the trace's header. */
  readonly what: string;
}

export function isInside(inside: readonly LogRange[], linear: bigint): boolean {
  return inside.some(({ start, end }) => start <= linear && linear < end);
}

/** `ranges` without some single addresses. */
export function withoutAddresses(ranges: readonly LogRange[], addresses: Iterable<bigint>): LogRange[] {
  let left: LogRange[] = [...ranges];
  for (const address of addresses) {
    left = left.flatMap(({ start, end }) =>
      start <= address && address < end
        ? [
            { start, end: address },
            { start: address + 1n, end },
          ]
        : [{ start, end }],
    );
  }
  return left.filter(({ start, end }) => start < end);
}
