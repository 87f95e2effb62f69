/** Operands as places to read from and write to. */
import type { MemoryOperand, Operand } from '../instruction.ts';
import { addressOf } from './addresses.ts';
import type { Bitness, Cpu } from './cpu.ts';
import { generalRegister, type RegisterPart, segmentIndex, type Size } from './registers.ts';

/**
 * Sizes 1 and 2: zero-extended. 4: a signed 32-bit number. 8: the low word; the high one is in `cpu.high`.
 * @throws GuestFault
 */
export type Read = (cpu: Cpu) => number;

/**
 * Bits beyond the size are dropped; a register of 4 bytes has its upper half cleared (SDM 1 §3.4.1.1).
 * @param high of 8 bytes
 * @throws GuestFault
 */
export type Write = (cpu: Cpu, low: number, high: number) => void;

/** @returns the new value; of 8 bytes the low word, with the high one in `cpu.high`. */
export type Change = (cpu: Cpu, low: number, high: number) => number;

export interface Place {
  readonly size: Size;
  readonly read: Read;
  readonly write: Write;
  /** Reads, then writes what `change` makes of it: the address is computed once, a fault of the write comes first. */
  readonly update: (cpu: Cpu, change: Change) => void;
}

/** How far left the highest bit of a value must be moved to be bit 31; 0 for 8 bytes, too. */
export function topShift(size: Size): number {
  return size >= 4 ? 0 : 32 - 8 * size;
}

/** @returns undefined for what is no integer register and no memory. */
export function placeOf(operand: Operand | undefined, bitness: Bitness): Place | undefined {
  if (operand?.kind === 'register') {
    const part = generalRegister(operand.register);
    return part && registerPlace(part);
  }
  return operand?.kind === 'memory' ? memoryPlace(operand, bitness) : undefined;
}

/** A place or an immediate value. @returns undefined for what is none. */
export function readerOf(operand: Operand | undefined, bitness: Bitness): Read | undefined {
  if (operand?.kind !== 'immediate') return placeOf(operand, bitness)?.read;
  const low = Number(BigInt.asIntN(32, operand.value));
  const high = Number(BigInt.asIntN(32, operand.value >> 32n));
  return (cpu) => {
    cpu.high = high;
    return low;
  };
}

export function registerPlace({ word, size, shift }: RegisterPart): Place {
  const access = REGISTER_ACCESS[size](word, shift);
  const { read, write } = access;
  return { size, ...access, update: (cpu, change) => write(cpu, change(cpu, read(cpu), cpu.high), cpu.high) };
}

type Access = Pick<Place, 'read' | 'write'>;

const REGISTER_ACCESS: Readonly<Record<Size, (word: number, shift: number) => Access>> = {
  1: (word, shift) => ({
    read: ({ words }) => (words[word]! >>> shift) & 0xff,
    write: ({ words }, low) =>
      void (words[word] = (words[word]! & ~(0xff << shift)) | ((low & 0xff) << shift)),
  }),
  2: (word) => ({
    read: ({ words }) => words[word]! & 0xffff,
    write: ({ words }, low) => void (words[word] = (words[word]! & ~0xffff) | (low & 0xffff)),
  }),
  4: (word) => ({
    read: ({ words }) => words[word]!,
    write: ({ words }, low) => {
      words[word] = low;
      words[word + 1] = 0;
    },
  }),
  8: (word) => ({
    read: (cpu) => {
      cpu.high = cpu.words[word + 1]!;
      return cpu.words[word]!;
    },
    write: ({ words }, low, high) => {
      words[word] = low;
      words[word + 1] = high;
    },
  }),
};

/** @param size in place of the operand's own, where the instruction accesses a part of it. */
export function memoryPlace(
  operand: MemoryOperand,
  bitness: Bitness,
  size = operand.sizeBytes as Size,
): Place {
  const linear = linearAddress(operand, bitness, size);
  const { read, write } = MEMORY_ACCESS[size];
  return {
    size,
    read: (cpu) => read(cpu, linear.forRead(cpu), cpu.high),
    write: (cpu, low, high) => {
      const address = linear.forWrite(cpu);
      write(cpu, address, cpu.high, low, high);
    },
    update: (cpu, change) => {
      const address = linear.forWrite(cpu);
      const addressHigh = cpu.high;
      cpu.memory.probeWrite(address, addressHigh, size);
      const value = change(cpu, read(cpu, address, addressHigh), cpu.high);
      write(cpu, address, addressHigh, value, cpu.high);
    },
  };
}

export interface LinearAddress {
  /** @returns the low word; the high one is in `cpu.high`. @throws GuestFault of segmentation */
  readonly forRead: Read;
  readonly forWrite: Read;
}

/** Segmentation: base added, limit and rights checked. */
export function linearAddress(operand: MemoryOperand, bitness: Bitness, sizeBytes: number): LinearAddress {
  const address = addressOf(operand, bitness, { withSegment: true });
  if (bitness === 64) return { forRead: address, forWrite: address };
  const segment = segmentIndex(operand.segment) ?? 0;
  const last = sizeBytes - 1;
  return {
    forRead: (cpu) => {
      const linear = cpu.readAddress(segment, address(cpu), last);
      cpu.high = 0;
      return linear;
    },
    forWrite: (cpu) => {
      const linear = cpu.writeAddress(segment, address(cpu), last);
      cpu.high = 0;
      return linear;
    },
  };
}

interface MemoryAccess {
  readonly read: (cpu: Cpu, address: number, addressHigh: number) => number;
  readonly write: (cpu: Cpu, address: number, addressHigh: number, low: number, high: number) => void;
}

export const MEMORY_ACCESS: Readonly<Record<Size, MemoryAccess>> = {
  1: {
    read: ({ memory }, address, high) => memory.read8(address, high),
    write: ({ memory }, address, addressHigh, low) => memory.write8(address, addressHigh, low),
  },
  2: {
    read: ({ memory }, address, high) => memory.read16(address, high),
    write: ({ memory }, address, addressHigh, low) => memory.write16(address, addressHigh, low),
  },
  4: {
    read: ({ memory }, address, high) => memory.read32(address, high),
    write: ({ memory }, address, addressHigh, low) => memory.write32(address, addressHigh, low),
  },
  8: {
    read: (cpu, address, addressHigh) => {
      const low = cpu.memory.read64(address, addressHigh);
      cpu.high = cpu.memory.high;
      return low;
    },
    write: ({ memory }, address, addressHigh, low, high) => memory.write64(address, addressHigh, low, high),
  },
};
