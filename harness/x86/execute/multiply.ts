/** MUL, IMUL, DIV, IDIV (SDM 2A, 2B). Flags that the SDM leaves undefined are QEMU 7.2's: MUL's of the low half, DIV's as before. */
import { setCarryAndOverflow, setLogicFlags, setLogicFlags64 } from '../state/flags.ts';
import type { Cpu } from './cpu.ts';
import { GuestFault, VECTOR } from './guest-fault.ts';
import type { Build, Family, Operation } from './operation.ts';
import { type Place, placeOf, type Read, readerOf, registerPlace, topShift } from './places.ts';
import { generalRegister, type Size } from './registers.ts';
import { joined, split } from './wide.ts';

/** Where the product goes and the dividend comes from: the upper and the lower half. */
const HALVES: Readonly<Record<Size, readonly [upper: string, lower: string]>> = {
  1: ['ah', 'al'],
  2: ['dx', 'ax'],
  4: ['edx', 'eax'],
  8: ['rdx', 'rax'],
};

function halves(size: Size): { readonly upper: Place; readonly lower: Place } {
  const [upper, lower] = HALVES[size].map((name) => registerPlace(generalRegister(name)!));
  return { upper: upper!, lower: lower! };
}

function setFlags(words: Int32Array, low: number, size: Size, isLonger: boolean): void {
  setLogicFlags(words, low, topShift(size));
  setCarryAndOverflow(words, isLonger, isLonger);
}

function setFlags64(words: Int32Array, product: bigint, isLonger: boolean): void {
  setLogicFlags64(words, Number(BigInt.asIntN(32, product)), Number(BigInt.asIntN(32, product >> 32n)));
  setCarryAndOverflow(words, isLonger, isLonger);
}

const fits = (product: bigint, bits: number, isSigned: boolean): boolean =>
  product === (isSigned ? BigInt.asIntN(bits, product) : BigInt.asUintN(bits, product));

function extended(value: number, size: Size, isSigned: boolean): number {
  const shift = topShift(size);
  return isSigned ? (value << shift) >> shift : value >>> 0;
}

const valueOf = (low: number, high: number, isSigned: boolean): bigint =>
  isSigned ? BigInt.asIntN(64, joined(low, high)) : joined(low, high);

/** Upper:lower = lower × factor, up to 4 bytes. */
function multiplied(factor: Read, size: 1 | 2 | 4, isSigned: boolean): Operation {
  const { upper, lower } = halves(size);
  const scale = 2 ** (8 * size);
  return (cpu) => {
    const other = extended(factor(cpu), size, isSigned);
    const value = extended(lower.read(cpu), size, isSigned);
    // Beyond 2⁵³ the product is rounded: its low half comes from elsewhere, and what remains rounds to the high half.
    const low = Math.imul(value, other) & (scale - 1);
    const unsignedLow = low >>> 0;
    const high = Math.round((value * other - unsignedLow) / scale);
    lower.write(cpu, low, 0);
    upper.write(cpu, high | 0, 0);
    setFlags(cpu.words, low, size, high !== (isSigned && extended(low, size, true) < 0 ? -1 : 0));
  };
}

function multiplied64(factor: Read, isSigned: boolean): Operation {
  const { upper, lower } = halves(8);
  return (cpu) => {
    const otherLow = factor(cpu);
    const other = valueOf(otherLow, cpu.high, isSigned);
    const low = lower.read(cpu);
    const product = valueOf(low, cpu.high, isSigned) * other;
    lower.write(cpu, split(cpu, product), cpu.high);
    upper.write(cpu, split(cpu, product >> 64n), cpu.high);
    setFlags64(cpu.words, product, !fits(product, 64, isSigned));
  };
}

const multiply =
  (isSigned: boolean): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    if (!place || operands.length !== 1) return undefined;
    return place.size === 8
      ? multiplied64(place.read, isSigned)
      : multiplied(place.read, place.size, isSigned);
  };

/** The product is cut to the size of the operands. */
const multiplyShort: Build = ({ operands }, { bitness }) => {
  const target = placeOf(operands[0], bitness);
  const one = readerOf(operands.length === 3 ? operands[1] : operands[0], bitness);
  const other = readerOf(operands.length === 3 ? operands[2] : operands[1], bitness);
  if (!target || !one || !other) return undefined;
  const { size, write } = target;
  if (size === 8)
    return (cpu) => {
      const low = one(cpu);
      const value = valueOf(low, cpu.high, true);
      const otherLow = other(cpu);
      const product = value * valueOf(otherLow, cpu.high, true);
      write(cpu, split(cpu, product), cpu.high);
      setFlags64(cpu.words, product, !fits(product, 64, true));
    };
  return (cpu) => {
    const value = extended(one(cpu), size, true);
    const factor = extended(other(cpu), size, true);
    const low = extended(Math.imul(value, factor), size, true);
    write(cpu, low, 0);
    // A product that was rounded is too long in any case.
    setFlags(cpu.words, low, size, value * factor !== low);
  };
};

const signedMultiply = multiply(true);

const divideError = (): GuestFault => new GuestFault(VECTOR.divide);

/** The registers' dividend of twice the size. */
type Dividend = (cpu: Cpu) => number | bigint;

/** @returns a number where it fits into 32 bits: they are divided quickly. */
function dividendOf(size: Size, isSigned: boolean): Dividend {
  const { upper, lower } = halves(size);
  const bits = 8 * size;
  if (size <= 2)
    return (cpu) => extended((upper.read(cpu) << bits) | lower.read(cpu), size === 1 ? 2 : 4, isSigned);
  if (size === 4)
    return (cpu) => {
      const [high, low] = [upper.read(cpu), lower.read(cpu)];
      if (high === (isSigned ? low >> 31 : 0)) return isSigned ? low : low >>> 0;
      return valueOf(low, high, isSigned);
    };
  return (cpu) => {
    const low = lower.read(cpu);
    const unsigned = joined(low, cpu.high);
    const high = upper.read(cpu);
    return (valueOf(high, cpu.high, isSigned) << 64n) | unsigned;
  };
}

/** @throws GuestFault: #DE for a divisor of 0 and for a quotient that is too long */
const divide =
  (isSigned: boolean): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    if (!place) return undefined;
    const { size, read } = place;
    const dividend = dividendOf(size, isSigned);
    const { upper, lower } = halves(size);
    const bits = 8 * size;
    const [least, most] = isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
    return (cpu) => {
      const low = read(cpu);
      const divisorHigh = cpu.high;
      const value = dividend(cpu);
      if (typeof value === 'number') {
        const divisor = extended(low, size, isSigned);
        const quotient = Math.trunc(value / divisor);
        // Not a number, or infinite, where the divisor is 0.
        if (!(quotient >= least && quotient <= most)) throw divideError();
        lower.write(cpu, quotient | 0, 0);
        upper.write(cpu, (value % divisor) | 0, 0);
        return;
      }
      const divisor =
        size === 8 ? valueOf(low, divisorHigh, isSigned) : BigInt(extended(low, size, isSigned));
      if (divisor === 0n || !fits(value / divisor, bits, isSigned)) throw divideError();
      lower.write(cpu, split(cpu, value / divisor), cpu.high);
      upper.write(cpu, split(cpu, value % divisor), cpu.high);
    };
  };

export const MULTIPLY_FAMILY: Family = {
  mul: multiply(false),
  imul: (instruction, setting) =>
    instruction.operands.length === 1
      ? signedMultiply(instruction, setting)
      : multiplyShort(instruction, setting),
  div: divide(false),
  idiv: divide(true),
};
