/** ROL, ROR, RCL, RCR (SDM 2B). Where the SDM leaves OF undefined, it is QEMU 7.2's. SF, ZF, AF and PF stay. */
import { carry, setCarryAndOverflow } from '../state/flags.ts';
import type { Cpu } from './cpu.ts';
import type { Family } from './operation.ts';
import { counted, type NarrowShift, type WideShift } from './shifts.ts';
import { joined, split } from './wide.ts';

/** @param value zero-extended or 32 bits. @param count 0 to bits − 1 */
function turnedLeft(value: number, count: number, bits: number): number {
  return (value << count) | (value >>> (bits - count));
}

const left: NarrowShift = (words, value, count, shift) => {
  const bits = 32 - shift;
  const result = turnedLeft(value, count & (bits - 1), bits);
  setFlagsLeft(words, result, result << shift);
  return result;
};

const right: NarrowShift = (words, value, count, shift) => {
  const bits = 32 - shift;
  const result = turnedLeft(value, -count & (bits - 1), bits);
  setFlagsRight(words, result << shift);
  return result;
};

/** @param top holds the result's highest bit as its own */
function setFlagsLeft(words: Int32Array, result: number, top: number): void {
  const cf = (result & 1) !== 0;
  setCarryAndOverflow(words, cf, cf !== top < 0);
}

function setFlagsRight(words: Int32Array, top: number): void {
  setCarryAndOverflow(words, top < 0, (top ^ (top << 1)) < 0);
}

/** @returns the low word, the high one in `cpu.high`. */
function turnedLeftWide(cpu: Cpu, low: number, high: number, count: number): number {
  const [upper, lower] = (count & 32) === 0 ? [high, low] : [low, high];
  const by = count & 31;
  cpu.high = by === 0 ? upper : (upper << by) | (lower >>> (32 - by));
  return by === 0 ? lower : (lower << by) | (upper >>> (32 - by));
}

const leftWide: WideShift = (cpu, low, high, count) => {
  const result = turnedLeftWide(cpu, low, high, count);
  setFlagsLeft(cpu.words, result, cpu.high);
  return result;
};

const rightWide: WideShift = (cpu, low, high, count) => {
  const result = turnedLeftWide(cpu, low, high, -count & 63);
  setFlagsRight(cpu.words, cpu.high);
  return result;
};

/**
 * The operand and CF above it turn as one number of one bit more (SDM 2B: counts are taken modulo 9, 17, 33 or 65).
 * OF is whether the sign changed, which the SDM defines for a count of 1 only.
 * @returns the number without CF; its flags are set. @param count to the left
 */
function turnedThroughCarry(words: Int32Array, value: bigint, bits: number, count: number): bigint {
  const all = (BigInt(carry(words)) << BigInt(bits)) | value;
  const turned = BigInt.asUintN(bits + 1, (all << BigInt(count)) | (all >> BigInt(bits + 1 - count)));
  const result = BigInt.asUintN(bits, turned);
  setCarryAndOverflow(words, turned !== result, (value ^ result) >> BigInt(bits - 1) !== 0n);
  return result;
}

/** The same, up to 4 bytes and a count of 1: what long shifts are made of. */
const leftCarryByOne: NarrowShift = (words, value, _, shift) => {
  const result = (value << 1) | carry(words);
  setCarryAndOverflow(words, value << shift < 0, (value ^ result) << shift < 0);
  return result;
};

const rightCarryByOne: NarrowShift = (words, value, _, shift) => {
  const result = (value >>> 1) | (carry(words) << (31 - shift));
  setCarryAndOverflow(words, (value & 1) !== 0, (value ^ result) << shift < 0);
  return result;
};

/** @param direction 1: left, −1: right */
const throughCarry =
  (direction: 1 | -1, byOne: NarrowShift): NarrowShift =>
  (words, value, count, shift) => {
    if (count === 1) return byOne(words, value, count, shift);
    const bits = 32 - shift;
    const turns = count % (bits + 1);
    if (turns === 0) return value;
    const to = direction === 1 ? turns : bits + 1 - turns;
    const unsigned = BigInt.asUintN(bits, BigInt(value));
    return Number(BigInt.asIntN(32, turnedThroughCarry(words, unsigned, bits, to)));
  };

const throughCarryWide =
  (direction: 1 | -1): WideShift =>
  (cpu, low, high, count) =>
    split(cpu, turnedThroughCarry(cpu.words, joined(low, high), 64, direction === 1 ? count : 65 - count));

export const ROTATE_FAMILY: Family = {
  rol: counted(left, leftWide),
  ror: counted(right, rightWide),
  rcl: counted(throughCarry(1, leftCarryByOne), throughCarryWide(1)),
  rcr: counted(throughCarry(-1, rightCarryByOne), throughCarryWide(-1)),
};
