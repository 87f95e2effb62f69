/** Alignment of unsigned numbers below 2^53 (bitwise operators would cut them to 32 signed bits). */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

export function isAligned(value: number, alignment: number): boolean {
  return alignment <= 1 || value % alignment === 0;
}

export function alignDown(value: number, alignment: number): number {
  return alignment <= 1 ? value : value - (value % alignment);
}

export function alignUp(value: number, alignment: number): number {
  return alignment <= 1 ? value : alignDown(value + alignment - 1, alignment);
}
