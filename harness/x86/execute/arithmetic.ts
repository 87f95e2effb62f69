/** ADD, ADC, SUB, SBB, CMP, INC, DEC, NEG, AND, OR, XOR, TEST, NOT (SDM 2A, 2B). */
import {
  carry,
  isCarry,
  setAddCarries64,
  setAddFlags,
  setCarry,
  setLogicFlags,
  setLogicFlags64,
  setResult64,
  setSubtractCarries64,
  setSubtractFlags,
} from '../state/flags.ts';
import type { Cpu } from './cpu.ts';
import type { Build, Family } from './operation.ts';
import { placeOf, readerOf, topShift } from './places.ts';

/** @returns the result; flags are set. Up to 4 bytes. @param shift topShift of the size */
type Narrow = (words: Int32Array, a: number, b: number, shift: number) => number;
/** @returns the low word of the result, the high one in `cpu.high`; flags are set. */
type Wide = (cpu: Cpu, aLow: number, aHigh: number, bLow: number, bHigh: number) => number;

export function add(words: Int32Array, a: number, b: number, shift: number): number {
  const result = (a + b) | 0;
  setAddFlags(words, a, b, result, shift);
  return result;
}

function addCarry(words: Int32Array, a: number, b: number, shift: number): number {
  const result = (a + b + carry(words)) | 0;
  setAddFlags(words, a, b, result, shift);
  return result;
}

export function subtract(words: Int32Array, a: number, b: number, shift: number): number {
  const result = (a - b) | 0;
  setSubtractFlags(words, a, b, result, shift);
  return result;
}

function subtractBorrow(words: Int32Array, a: number, b: number, shift: number): number {
  const result = (a - b - carry(words)) | 0;
  setSubtractFlags(words, a, b, result, shift);
  return result;
}

export function addWide(cpu: Cpu, aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  return sumWide(cpu, aLow, aHigh, bLow, bHigh, 0);
}

function addCarryWide(cpu: Cpu, aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  return sumWide(cpu, aLow, aHigh, bLow, bHigh, carry(cpu.words));
}

function sumWide(
  cpu: Cpu,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
  carryIn: number,
): number {
  const { words } = cpu;
  const exact = (aLow >>> 0) + (bLow >>> 0) + carryIn;
  const low = exact | 0;
  const high = (aHigh + bHigh + (exact > 0xffff_ffff ? 1 : 0)) | 0;
  setAddCarries64(words, aHigh, bHigh, high, aLow ^ bLow ^ low);
  setResult64(words, low, high);
  cpu.high = high;
  return low;
}

export function subtractWide(cpu: Cpu, aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  return differenceWide(cpu, aLow, aHigh, bLow, bHigh, 0);
}

function subtractBorrowWide(cpu: Cpu, aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  return differenceWide(cpu, aLow, aHigh, bLow, bHigh, carry(cpu.words));
}

function differenceWide(
  cpu: Cpu,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
  borrowIn: number,
): number {
  const { words } = cpu;
  const exact = (aLow >>> 0) - (bLow >>> 0) - borrowIn;
  const low = exact | 0;
  const high = (aHigh - bHigh - (exact < 0 ? 1 : 0)) | 0;
  setSubtractCarries64(words, aHigh, bHigh, high, aLow ^ bLow ^ low);
  setResult64(words, low, high);
  cpu.high = high;
  return low;
}

const logic =
  (operate: (a: number, b: number) => number): Narrow =>
  (words, a, b, shift) => {
    const result = operate(a, b);
    setLogicFlags(words, result, shift);
    return result;
  };

const logicWide =
  (operate: (a: number, b: number) => number): Wide =>
  (cpu, aLow, aHigh, bLow, bHigh) => {
    const low = operate(aLow, bLow);
    const high = operate(aHigh, bHigh);
    setLogicFlags64(cpu.words, low, high);
    cpu.high = high;
    return low;
  };

const and = (a: number, b: number): number => a & b;
const or = (a: number, b: number): number => a | b;
const xor = (a: number, b: number): number => a ^ b;

/** Destination = destination ∘ source. */
const binary =
  (narrow: Narrow, wide: Wide): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    const read = readerOf(operands[1], bitness);
    if (!place || !read) return undefined;
    const { update, size } = place;
    if (size === 8)
      return (cpu) => {
        const low = read(cpu);
        const high = cpu.high;
        update(cpu, (_, aLow, aHigh) => wide(cpu, aLow, aHigh, low, high));
      };
    const shift = topShift(size);
    if (operands[0]?.kind === 'register') {
      const { read: readFirst, write } = place;
      return (cpu) => write(cpu, narrow(cpu.words, readFirst(cpu), read(cpu), shift), 0);
    }
    return (cpu) => {
      const value = read(cpu);
      update(cpu, (_, a) => narrow(cpu.words, a, value, shift));
    };
  };

/** Only the flags of first ∘ second. */
const comparison =
  (narrow: Narrow, wide: Wide): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    const read = readerOf(operands[1], bitness);
    if (!place || !read) return undefined;
    const { read: readFirst, size } = place;
    const shift = topShift(size);
    if (size !== 8) return (cpu) => void narrow(cpu.words, readFirst(cpu), read(cpu), shift);
    return (cpu) => {
      const low = readFirst(cpu);
      const high = cpu.high;
      const otherLow = read(cpu);
      wide(cpu, low, high, otherLow, cpu.high);
    };
  };

const unary =
  (
    narrow: (words: Int32Array, a: number, shift: number) => number,
    wide: (cpu: Cpu, low: number, high: number) => number,
  ): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    if (!place) return undefined;
    const { update, size } = place;
    if (size === 8) return (cpu) => update(cpu, wide);
    const shift = topShift(size);
    return (cpu) => update(cpu, ({ words }, a) => narrow(words, a, shift));
  };

/** CF stays (SDM 2A, INC). */
function keepingCarry<T>(words: Int32Array, operate: () => T): T {
  const cf = isCarry(words);
  const result = operate();
  setCarry(words, cf);
  return result;
}

const increment = unary(
  (words, a, shift) => keepingCarry(words, () => add(words, a, 1, shift)),
  (cpu, low, high) => keepingCarry(cpu.words, () => addWide(cpu, low, high, 1, 0)),
);
const decrement = unary(
  (words, a, shift) => keepingCarry(words, () => subtract(words, a, 1, shift)),
  (cpu, low, high) => keepingCarry(cpu.words, () => subtractWide(cpu, low, high, 1, 0)),
);
const negate = unary(
  (words, a, shift) => subtract(words, 0, a, shift),
  (cpu, low, high) => subtractWide(cpu, 0, 0, low, high),
);
const complement = unary(
  (_words, a) => ~a,
  (cpu, low, high) => {
    cpu.high = ~high;
    return ~low;
  },
);

export const ARITHMETIC_FAMILY: Family = {
  add: binary(add, addWide),
  adc: binary(addCarry, addCarryWide),
  sub: binary(subtract, subtractWide),
  sbb: binary(subtractBorrow, subtractBorrowWide),
  cmp: comparison(subtract, subtractWide),
  and: binary(logic(and), logicWide(and)),
  or: binary(logic(or), logicWide(or)),
  xor: binary(logic(xor), logicWide(xor)),
  test: comparison(logic(and), logicWide(and)),
  inc: increment,
  dec: decrement,
  neg: negate,
  not: complement,
};
