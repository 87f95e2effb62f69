/**
 * Whether two values differ by nothing, or by the difference of two load bases: of one word of 32 bits, of two that make one
 * of 64, and of the two forms in which x86 keeps an address otherwise (SDM 3A §3.4.5, §3.5.1).
 */

/** A difference of load bases as two words; sign extended, so that it may be negative. */
export interface Shift {
  readonly low: number;
  readonly high: number;
}

export function shiftOf(bytes: number): Shift {
  return { low: bytes | 0, high: Math.floor(bytes / 2 ** 32) | 0 };
}

/** Words as signed numbers; the difference counts modulo 2³². */
export function differsByBase(reference: number, here: number, { low }: Shift): boolean {
  return reference === here || ((here - reference) | 0) === low;
}

/** Which of two words, that make 8 aligned bytes, differ otherwise. */
export type Misfit = 'none' | 'low' | 'high' | 'both';

/** @param a0 @param a1 at the reference base, low and high word. @param b0 @param b1 here */
export function misfitOf(a0: number, a1: number, b0: number, b1: number, shift: Shift): Misfit {
  const isLow = differsByBase(a0, b0, shift);
  const isHigh = differsByBase(a1, b1, shift);
  if (isLow && isHigh) return 'none';
  if (isLow && isWide(a0, a1, b0, b1, shift)) return 'none';
  if (isDescriptor(a0, a1, b0, b1, shift) || isTableOperand(a0, a1, b0, b1, shift)) return 'none';
  if (isLow) return 'high';
  return isHigh ? 'low' : 'both';
}

/** The same of a register, which holds one value: of 64 bits, or of 32 where the high word is the same. */
export function registerFits(a0: number, a1: number, b0: number, b1: number, shift: Shift): boolean {
  return (a1 === b1 && differsByBase(a0, b0, shift)) || isWide(a0, a1, b0, b1, shift);
}

/** One value of 64 bits, with the carry. */
function isWide(a0: number, a1: number, b0: number, b1: number, { low, high }: Shift): boolean {
  const carry = (a0 >>> 0) + (low >>> 0) > 0xffff_ffff ? 1 : 0;
  return ((a0 + low) | 0) === b0 && ((a1 + high + carry) | 0) === b1;
}

/** The bits of a descriptor's high word that are its base. */
const BASE_BITS = 0xff00_00ff | 0;

/** A segment descriptor: its base lies in three pieces. */
function isDescriptor(a0: number, a1: number, b0: number, b1: number, shift: Shift): boolean {
  const isElsewhereSame = ((a0 ^ b0) & 0xffff) === 0 && ((a1 ^ b1) & ~BASE_BITS) === 0;
  return isElsewhereSame && ((descriptorBase(b0, b1) - descriptorBase(a0, a1)) | 0) === shift.low;
}

function descriptorBase(low: number, high: number): number {
  return (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000);
}

/** What LGDT reads: a limit of 16 bits, and behind it a base of 32. */
function isTableOperand(a0: number, a1: number, b0: number, b1: number, shift: Shift): boolean {
  const isElsewhereSame = ((a0 ^ b0) & 0xffff) === 0 && ((a1 ^ b1) & 0xffff_0000) === 0;
  return isElsewhereSame && ((operandBase(b0, b1) - operandBase(a0, a1)) | 0) === shift.low;
}

function operandBase(low: number, high: number): number {
  return (low >>> 16) | (high << 16);
}
