/** SHL, SAL, SHR, SAR, SHLD, SHRD (SDM 2B). Where the SDM leaves a result undefined, it is QEMU 7.2's. */
import {
  setShiftLeftFlags,
  setShiftLeftFlags64,
  setShiftRightFlags,
  setShiftRightFlags64,
} from '../state/flags.ts';
import type { Cpu } from './cpu.ts';
import type { Build, Family } from './operation.ts';
import { type Change, type Place, placeOf, type Read, readerOf, topShift } from './places.ts';
import { joined, split } from './wide.ts';

/** @param count at least 1. @param shift topShift of the size. @returns the result; flags are set. */
export type NarrowShift = (words: Int32Array, value: number, count: number, shift: number) => number;
/** @returns the low word of the result, the high one in `cpu.high`; flags are set. */
export type WideShift = (cpu: Cpu, low: number, high: number, count: number) => number;

/** A count of 0 leaves the flags alone, and writes all the same: a register's upper half is cleared, memory may fault. */
const unchanged: Change = (_, low) => low;

/** First operand = first operand moved by the second: CL or an immediate, of which 5 or 6 bits count. */
export const counted =
  (narrow: NarrowShift, wide: WideShift): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    const count = readerOf(operands[1], bitness);
    if (!place || !count) return undefined;
    if (place.size === 8) return movedWide(place, count, wide);
    if (operands[0]?.kind === 'register') return movedRegister(place, count, narrow);
    const shift = topShift(place.size);
    return (cpu) => {
      const by = count(cpu) & 31;
      place.update(cpu, by === 0 ? unchanged : (_, value) => narrow(cpu.words, value, by, shift));
    };
  };

function movedRegister({ read, write, size }: Place, count: Read, narrow: NarrowShift) {
  const shift = topShift(size);
  return (cpu: Cpu): void => {
    const by = count(cpu) & 31;
    const value = read(cpu);
    write(cpu, by === 0 ? value : narrow(cpu.words, value, by, shift), 0);
  };
}

function movedWide(place: Place, count: Read, wide: WideShift) {
  return (cpu: Cpu): void => {
    const by = count(cpu) & 63;
    place.update(cpu, by === 0 ? unchanged : (_, low, high) => wide(cpu, low, high, by));
  };
}

function left(words: Int32Array, value: number, count: number, shift: number): number {
  const before = value << (count - 1);
  const result = before << 1;
  setShiftLeftFlags(words, before, result, shift);
  return result;
}

function right(words: Int32Array, value: number, count: number, shift: number): number {
  const before = value >>> (count - 1);
  const result = before >>> 1;
  setShiftRightFlags(words, before, result, shift);
  return result | 0;
}

function rightSigned(words: Int32Array, value: number, count: number, shift: number): number {
  const before = ((value << shift) >> shift) >> (count - 1);
  const result = before >> 1;
  setShiftRightFlags(words, before, result, shift);
  return result;
}

function leftWide(cpu: Cpu, low: number, high: number, count: number): number {
  const less = count - 1;
  const beforeLow = less < 32 ? low << less : 0;
  const beforeHigh = less >= 32 ? low << (less - 32) : less === 0 ? high : mixed(high, low, less);
  const resultLow = beforeLow << 1;
  const resultHigh = mixed(beforeHigh, beforeLow, 1);
  setShiftLeftFlags64(cpu.words, beforeHigh, resultLow, resultHigh);
  cpu.high = resultHigh;
  return resultLow;
}

/** Of two words side by side, moved left by 1 to 31: the upper one. */
function mixed(upper: number, lower: number, count: number): number {
  return (upper << count) | (lower >>> (32 - count));
}

const rightWide =
  (shiftRight: (value: number, count: number) => number, isSigned: boolean): WideShift =>
  (cpu, low, high, count) => {
    const less = count - 1;
    const sign = isSigned ? high >> 31 : 0;
    const beforeHigh = less >= 32 ? sign : shiftRight(high, less);
    const beforeLow =
      less >= 32 ? shiftRight(high, less - 32) : less === 0 ? low : mixed(high, low, 32 - less);
    const resultHigh = shiftRight(beforeHigh, 1);
    const resultLow = mixed(beforeHigh, beforeLow, 31);
    setShiftRightFlags64(cpu.words, beforeLow, beforeHigh, resultLow, resultHigh);
    cpu.high = resultHigh;
    return resultLow;
  };

/**
 * @returns `before` (moved by one less) and the result: what of them lies within the operand counts.
 * @param source the bits that follow. @param count at least 1
 */
type Double = (value: bigint, source: bigint, count: bigint, bits: bigint) => readonly [bigint, bigint];

/** Of 16 bits moved by more than 16, the operand's own bits follow the source's, as on Intel's processors and in QEMU. */
const doubleLeft: Double = (value, source, count, bits) => {
  const all = (value << (2n * bits)) | (source << bits) | value;
  return [all >> (2n * bits + 1n - count), all >> (2n * bits - count)];
};
const doubleRight: Double = (value, source, count, bits) => {
  const all = (value << (2n * bits)) | (source << bits) | value;
  return [all >> (count - 1n), all >> count];
};

/** The same for 4 bytes. @returns before and result into `PAIR`. */
type QuickDouble = (value: number, source: number, count: number) => void;
const PAIR = new Int32Array(2);

const quickLeft: QuickDouble = (value, source, count) => {
  PAIR[0] = count === 1 ? value : mixed(value, source, count - 1);
  PAIR[1] = mixed(value, source, count);
};
const quickRight: QuickDouble = (value, source, count) => {
  PAIR[0] = count === 1 ? value : mixed(source, value, 33 - count);
  PAIR[1] = mixed(source, value, 32 - count);
};

type SetFlags = typeof setShiftLeftFlags;
type SetFlags64 = typeof setShiftRightFlags64;

const doubled =
  (operate: Double, quick: QuickDouble, setFlags: SetFlags, setFlags64: SetFlags64): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    const [source, count] = [readerOf(operands[1], bitness), readerOf(operands[2], bitness)];
    if (!place || !source || !count) return undefined;
    const { size, update } = place;
    const bits = BigInt(8 * size);
    const narrow = (words: Int32Array, value: number, other: number, by: number): number => {
      if (size === 4) quick(value, other, by);
      else
        for (const [i, v] of operate(BigInt(value), BigInt(other), BigInt(by), bits).entries())
          PAIR[i] = Number(BigInt.asIntN(32, v));
      setFlags(words, PAIR[0]!, PAIR[1]!, topShift(size));
      return PAIR[1]!;
    };
    const wide = (cpu: Cpu, low: number, high: number, other: bigint, by: number): number => {
      const [before, result] = operate(joined(low, high), other, BigInt(by), bits);
      const beforeLow = split(cpu, before);
      const beforeHigh = cpu.high;
      const resultLow = split(cpu, result);
      setFlags64(cpu.words, beforeLow, beforeHigh, resultLow, cpu.high);
      return resultLow;
    };
    return (cpu) => {
      const by = count(cpu) & (size === 8 ? 63 : 31);
      const other = source(cpu);
      const otherHigh = cpu.high;
      if (by === 0) update(cpu, unchanged);
      else if (size !== 8) update(cpu, (_, value) => narrow(cpu.words, value, other, by));
      else update(cpu, (_, low, high) => wide(cpu, low, high, joined(other, otherHigh), by));
    };
  };

const shiftLeft = counted(left, leftWide);

export const SHIFT_FAMILY: Family = {
  shl: shiftLeft,
  sal: shiftLeft,
  shr: counted(
    right,
    rightWide((value, count) => value >>> count, false),
  ),
  sar: counted(
    rightSigned,
    rightWide((value, count) => value >> count, true),
  ),
  shld: doubled(doubleLeft, quickLeft, setShiftLeftFlags, (words, _beforeLow, beforeHigh, low, high) =>
    setShiftLeftFlags64(words, beforeHigh, low, high),
  ),
  shrd: doubled(doubleRight, quickRight, setShiftRightFlags, setShiftRightFlags64),
};
