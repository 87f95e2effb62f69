/**
 * Arithmetic flags, kept as what they are computed from and only put together when somebody looks (SDM 1 §3.4.3). The five
 * words lie behind the architectural state in the same array; the arithmetic bits of the RFLAGS word itself are stale until
 * {@link readFlags}.
 */
import { RFLAGS, STATE_WORDS } from './state-layout.ts';

/** ZF is set where this word is 0. */
const ZERO = STATE_WORDS;
/** SF is this word's highest bit. */
const SIGN = STATE_WORDS + 1;
/** PF is the even parity of this word's lowest byte. */
const PARITY = STATE_WORDS + 2;
/** Carries out of the two highest bits: CF is bit 31, OF is bit 31 xor bit 30. */
const CARRIES = STATE_WORDS + 3;
/** AF is bit 4. */
const ADJUST = STATE_WORDS + 4;
/** Length of the array that the model computes in. */
export const MODEL_WORDS = STATE_WORDS + 5;

export const FLAG = {
  cf: 1 << 0,
  pf: 1 << 2,
  af: 1 << 4,
  zf: 1 << 6,
  sf: 1 << 7,
  tf: 1 << 8,
  if: 1 << 9,
  df: 1 << 10,
  of: 1 << 11,
  iopl: 3 << 12,
  nt: 1 << 14,
  rf: 1 << 16,
  vm: 1 << 17,
  ac: 1 << 18,
  vif: 1 << 19,
  vip: 1 << 20,
  id: 1 << 21,
} as const;

export const ARITHMETIC = FLAG.cf | FLAG.pf | FLAG.af | FLAG.zf | FLAG.sf | FLAG.of;

/** Even parity of a byte. */
const EVEN = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) bits++;
  return bits % 2 === 0 ? 1 : 0;
});

export const isCarry = (words: Int32Array): boolean => words[CARRIES]! < 0;
export const isZero = (words: Int32Array): boolean => words[ZERO] === 0;
export const isSign = (words: Int32Array): boolean => words[SIGN]! < 0;
export const isParity = (words: Int32Array): boolean => EVEN[words[PARITY]! & 0xff] === 1;
export const isOverflow = (words: Int32Array): boolean => (words[CARRIES]! ^ (words[CARRIES]! << 1)) < 0;
export const isAdjust = (words: Int32Array): boolean => (words[ADJUST]! & FLAG.af) !== 0;
/** 0 or 1. */
export const carry = (words: Int32Array): number => words[CARRIES]! >>> 31;

/** Puts the flags together in the RFLAGS word. @returns it. */
export function readFlags(words: Int32Array): number {
  const carries = words[CARRIES]!;
  const flags =
    (words[RFLAGS]! & ~ARITHMETIC) |
    (carries >>> 31) |
    (EVEN[words[PARITY]! & 0xff]! << 2) |
    (words[ADJUST]! & FLAG.af) |
    (words[ZERO] === 0 ? FLAG.zf : 0) |
    ((words[SIGN]! >>> 31) << 7) |
    (((carries ^ (carries << 1)) >>> 31) << 11);
  words[RFLAGS] = flags;
  return flags;
}

/** Sets all of RFLAGS. */
export function writeFlags(words: Int32Array, flags: number): void {
  words[RFLAGS] = flags;
  words[ZERO] = ~flags & FLAG.zf;
  words[SIGN] = flags << 24;
  words[PARITY] = (flags & FLAG.pf) === 0 ? 1 : 0;
  words[ADJUST] = flags;
  setCarryAndOverflow(words, (flags & FLAG.cf) !== 0, (flags & FLAG.of) !== 0);
}

/** Sets the flags in `mask` to those of `flags`; the others stay. */
export function writeSomeFlags(words: Int32Array, flags: number, mask: number): void {
  writeFlags(words, (readFlags(words) & ~mask) | (flags & mask));
}

export function setCarryAndOverflow(words: Int32Array, cf: boolean, of: boolean): void {
  words[CARRIES] = (cf ? 1 << 31 : 0) | (cf !== of ? 1 << 30 : 0);
}

export function setCarry(words: Int32Array, cf: boolean): void {
  setCarryAndOverflow(words, cf, isOverflow(words));
}

/**
 * SF, ZF and PF of a result; the others stay. Sizes up to 4 bytes.
 * @param shift 24, 16 or 0: what moves the operand's highest bit to bit 31.
 */
export function setResult(words: Int32Array, result: number, shift: number): void {
  words[ZERO] = words[SIGN] = result << shift;
  words[PARITY] = result;
}

export function setResult64(words: Int32Array, low: number, high: number): void {
  words[ZERO] = low | high;
  words[SIGN] = high;
  words[PARITY] = low;
}

/** Flags of `and`, `or`, `xor`, `test`: CF and OF are cleared; AF is undefined, QEMU clears it. */
export function setLogicFlags(words: Int32Array, result: number, shift: number): void {
  words[ZERO] = words[SIGN] = result << shift;
  words[PARITY] = result;
  words[CARRIES] = 0;
  words[ADJUST] = 0;
}

export function setLogicFlags64(words: Int32Array, low: number, high: number): void {
  setResult64(words, low, high);
  words[CARRIES] = 0;
  words[ADJUST] = 0;
}

/** Flags of result = a + b + carry in. */
export function setAddFlags(words: Int32Array, a: number, b: number, result: number, shift: number): void {
  words[ZERO] = words[SIGN] = result << shift;
  words[PARITY] = result;
  words[CARRIES] = ((a & b) | ((a | b) & ~result)) << shift;
  words[ADJUST] = a ^ b ^ result;
}

/** Flags of result = a − b − borrow in. */
export function setSubtractFlags(
  words: Int32Array,
  a: number,
  b: number,
  result: number,
  shift: number,
): void {
  words[ZERO] = words[SIGN] = result << shift;
  words[PARITY] = result;
  words[CARRIES] = ((~a & b) | ((~a | b) & result)) << shift;
  words[ADJUST] = a ^ b ^ result;
}

/** CF, OF and AF of the upper halves of a sum, AF of the lower ones; for SF, ZF and PF: {@link setResult64}. */
export function setAddCarries64(
  words: Int32Array,
  aHigh: number,
  bHigh: number,
  high: number,
  adjust: number,
): void {
  words[CARRIES] = (aHigh & bHigh) | ((aHigh | bHigh) & ~high);
  words[ADJUST] = adjust;
}

export function setSubtractCarries64(
  words: Int32Array,
  aHigh: number,
  bHigh: number,
  high: number,
  adjust: number,
): void {
  words[CARRIES] = (~aHigh & bHigh) | ((~aHigh | bHigh) & high);
  words[ADJUST] = adjust;
}

const [TOP, NEXT] = [1 << 31, 1 << 30];

/**
 * Flags of a shift to the left. CF: the bit that left last; OF: whether the last step changed the sign, which the SDM defines
 * for a single one and QEMU keeps for all; AF is undefined, QEMU clears it.
 * @param before the value, shifted by one less
 */
export function setShiftLeftFlags(words: Int32Array, before: number, result: number, shift: number): void {
  setResult(words, result, shift);
  words[CARRIES] = ((before << shift) & TOP) | (((result << shift) >>> 1) & NEXT);
  words[ADJUST] = 0;
}

export function setShiftLeftFlags64(words: Int32Array, beforeHigh: number, low: number, high: number): void {
  setResult64(words, low, high);
  words[CARRIES] = (beforeHigh & TOP) | ((high >>> 1) & NEXT);
  words[ADJUST] = 0;
}

/** @see setShiftLeftFlags */
export function setShiftRightFlags(words: Int32Array, before: number, result: number, shift: number): void {
  setResult(words, result, shift);
  setLastOut(words, before, (before ^ result) << shift);
}

export function setShiftRightFlags64(
  words: Int32Array,
  beforeLow: number,
  beforeHigh: number,
  low: number,
  high: number,
): void {
  setResult64(words, low, high);
  setLastOut(words, beforeLow, beforeHigh ^ high);
}

/** @param overflow its highest bit */
function setLastOut(words: Int32Array, before: number, overflow: number): void {
  const cf = before << 31;
  words[CARRIES] = cf | (((cf ^ overflow) >>> 1) & NEXT);
  words[ADJUST] = 0;
}

export type Condition = (words: Int32Array) => boolean;

const isLess: Condition = (words) => isSign(words) !== isOverflow(words);
const not =
  (condition: Condition): Condition =>
  (words) =>
    !condition(words);

/** By the suffix of Jcc, SETcc and CMOVcc as iced names them (SDM 1 appendix B). */
export const CONDITIONS: Readonly<Record<string, Condition>> = {
  o: isOverflow,
  no: not(isOverflow),
  b: isCarry,
  ae: (words) => words[CARRIES]! >= 0,
  e: isZero,
  ne: (words) => words[ZERO] !== 0,
  be: (words) => words[CARRIES]! < 0 || words[ZERO] === 0,
  a: (words) => words[CARRIES]! >= 0 && words[ZERO] !== 0,
  s: isSign,
  ns: (words) => words[SIGN]! >= 0,
  p: isParity,
  np: not(isParity),
  l: isLess,
  ge: not(isLess),
  le: (words) => words[ZERO] === 0 || isLess(words),
  g: (words) => words[ZERO] !== 0 && !isLess(words),
};
