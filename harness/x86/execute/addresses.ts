/** Effective addresses: base + index × scale + displacement, cut to the address size (SDM 1 §3.7.5). */
import type { MemoryOperand } from '../instruction.ts';
import { BASE, FS, GS, segmentWord } from '../state/state-layout.ts';
import type { Bitness, Cpu } from './cpu.ts';
import { generalRegister, segmentIndex } from './registers.ts';

/** @returns the low word; with a 64-bit address size the high one is in `cpu.high`, else that is 0. */
export type Address = (cpu: Cpu) => number;

export interface AddressOptions {
  /** Adds FS's or GS's base, as an access does and `lea` does not. */
  readonly withSegment: boolean;
}

/** In bytes: of the registers, else of what the displacement was encoded with. */
export function addressSize({ base, index }: MemoryOperand, bitness: Bitness): 2 | 4 | 8 {
  const name = base ?? index;
  const size = name === undefined ? undefined : generalRegister(name)?.size;
  return (size ?? bitness / 8) as 2 | 4 | 8;
}

/** The offset in its segment; in 64-bit mode the linear address. */
export function addressOf(
  operand: MemoryOperand,
  bitness: Bitness,
  { withSegment }: AddressOptions,
): Address {
  const size = addressSize(operand, bitness);
  if (bitness !== 64) return size === 2 ? offset16(operand) : offset32(operand);
  const offset = size === 8 ? offset64(operand) : offset32(operand);
  const segment = segmentIndex(operand.segment);
  return withSegment && (segment === FS || segment === GS) ? plusBase(offset, segment) : offset;
}

function wordOf(name: string | undefined): number {
  return (name === undefined ? undefined : generalRegister(name)?.word) ?? -1;
}

function offset16(operand: MemoryOperand): Address {
  const { base, index, displacement } = operand;
  const distance = Number(BigInt.asIntN(32, displacement));
  const [baseWord, indexWord] = [wordOf(base), wordOf(index)];
  return ({ words }) => {
    const from = baseWord < 0 ? 0 : words[baseWord]!;
    return (from + (indexWord < 0 ? 0 : words[indexWord]!) + distance) & 0xffff;
  };
}

function offset32(operand: MemoryOperand): Address {
  const distance = Number(BigInt.asIntN(32, operand.displacement));
  const [base, index, shift] = [wordOf(operand.base), wordOf(operand.index), Math.log2(operand.scale)];
  if (index >= 0 && base >= 0)
    return (cpu) => {
      cpu.high = 0;
      return (cpu.words[base]! + (cpu.words[index]! << shift) + distance) | 0;
    };
  if (index >= 0)
    return (cpu) => {
      cpu.high = 0;
      return ((cpu.words[index]! << shift) + distance) | 0;
    };
  if (base >= 0)
    return (cpu) => {
      cpu.high = 0;
      return (cpu.words[base]! + distance) | 0;
    };
  return (cpu) => {
    cpu.high = 0;
    return distance;
  };
}

function offset64(operand: MemoryOperand): Address {
  const { displacement } = operand;
  const low = Number(BigInt.asIntN(32, displacement));
  const high = Number(BigInt.asIntN(32, displacement >> 32n));
  const [base, index, shift] = [wordOf(operand.base), wordOf(operand.index), Math.log2(operand.scale)];
  if (base < 0 && index < 0)
    return (cpu) => {
      cpu.high = high;
      return low;
    };
  if (index < 0)
    return (cpu) => {
      const { words } = cpu;
      const from = words[base]!;
      const sum = (from + low) | 0;
      cpu.high = (words[base + 1]! + high + (sum >>> 0 < from >>> 0 ? 1 : 0)) | 0;
      return sum;
    };
  return (cpu) => {
    const { words } = cpu;
    const scaled = words[index]! << shift;
    const scaledHigh =
      shift === 0 ? words[index + 1]! : (words[index + 1]! << shift) | (words[index]! >>> (32 - shift));
    const some = (scaled + low) | 0;
    const someHigh = scaledHigh + high + (some >>> 0 < scaled >>> 0 ? 1 : 0);
    if (base < 0) {
      cpu.high = someHigh | 0;
      return some;
    }
    const sum = (words[base]! + some) | 0;
    cpu.high = (words[base + 1]! + someHigh + (sum >>> 0 < some >>> 0 ? 1 : 0)) | 0;
    return sum;
  };
}

function plusBase(offset: Address, segment: number): Address {
  const word = segmentWord(segment) + BASE;
  return (cpu) => {
    const low = offset(cpu);
    const sum = (low + cpu.words[word]!) | 0;
    cpu.high = (cpu.high + cpu.words[word + 1]! + (sum >>> 0 < low >>> 0 ? 1 : 0)) | 0;
    return sum;
  };
}
