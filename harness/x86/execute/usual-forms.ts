/**
 * The forms that early boot spends its time in, each as one function without a call for each operand: registers of 4 and 8
 * bytes, and memory at a register and a displacement. What is not here, the general families do, with the same result
 * (usual-forms.test.ts compares them). docs/decisions/0016-closures.md has what it gains.
 */
import type { ExecutableInstruction, MemoryOperand, Operand } from '../instruction.ts';
import { setAddFlags, setLogicFlags, setLogicFlags64, setSubtractFlags } from '../state/flags.ts';
import { DS, GENERAL } from '../state/state-layout.ts';
import type { Family, Operation, Setting } from './operation.ts';
import { generalRegister, segmentIndex } from './registers.ts';

/** A word that is never written: where there is no base register. */
const NONE = -1;

type OfRegisters = (to: number, from: number) => Operation;
type OfImmediate = (to: number, value: number) => Operation;

interface Forms {
  /** Words of two registers of 4 bytes. */
  readonly registers: OfRegisters;
  /** A register of 4 bytes and a value. */
  readonly immediate: OfImmediate;
}

const FORMS: Readonly<Record<string, Forms>> = {
  mov: {
    registers:
      (to, from) =>
      ({ words }) => {
        words[to] = words[from]!;
        words[to + 1] = 0;
      },
    immediate:
      (to, value) =>
      ({ words }) => {
        words[to] = value;
        words[to + 1] = 0;
      },
  },
  add: {
    registers:
      (to, from) =>
      ({ words }) => {
        const [a, b] = [words[to]!, words[from]!];
        const sum = (a + b) | 0;
        setAddFlags(words, a, b, sum, 0);
        words[to] = sum;
        words[to + 1] = 0;
      },
    immediate:
      (to, value) =>
      ({ words }) => {
        const a = words[to]!;
        const sum = (a + value) | 0;
        setAddFlags(words, a, value, sum, 0);
        words[to] = sum;
        words[to + 1] = 0;
      },
  },
  sub: {
    registers:
      (to, from) =>
      ({ words }) => {
        const [a, b] = [words[to]!, words[from]!];
        const difference = (a - b) | 0;
        setSubtractFlags(words, a, b, difference, 0);
        words[to] = difference;
        words[to + 1] = 0;
      },
    immediate:
      (to, value) =>
      ({ words }) => {
        const a = words[to]!;
        const difference = (a - value) | 0;
        setSubtractFlags(words, a, value, difference, 0);
        words[to] = difference;
        words[to + 1] = 0;
      },
  },
  cmp: {
    registers:
      (to, from) =>
      ({ words }) => {
        const [a, b] = [words[to]!, words[from]!];
        setSubtractFlags(words, a, b, (a - b) | 0, 0);
      },
    immediate:
      (to, value) =>
      ({ words }) => {
        const a = words[to]!;
        setSubtractFlags(words, a, value, (a - value) | 0, 0);
      },
  },
  test: {
    registers:
      (to, from) =>
      ({ words }) =>
        setLogicFlags(words, words[to]! & words[from]!, 0),
    immediate:
      (to, value) =>
      ({ words }) =>
        setLogicFlags(words, words[to]! & value, 0),
  },
  and: {
    registers:
      (to, from) =>
      ({ words }) => {
        setLogicFlags(words, (words[to] = words[to]! & words[from]!), 0);
        words[to + 1] = 0;
      },
    immediate:
      (to, value) =>
      ({ words }) => {
        setLogicFlags(words, (words[to] = words[to]! & value), 0);
        words[to + 1] = 0;
      },
  },
  xor: {
    registers:
      (to, from) =>
      ({ words }) => {
        setLogicFlags(words, (words[to] = words[to]! ^ words[from]!), 0);
        words[to + 1] = 0;
      },
    immediate:
      (to, value) =>
      ({ words }) => {
        setLogicFlags(words, (words[to] = words[to]! ^ value), 0);
        words[to + 1] = 0;
      },
  },
};

/** @param base its word, or {@link NONE} */
type OfMemory = (register: number, segment: number, base: number, distance: number) => Operation;

/** In 32-bit code: a register of 4 bytes, and memory. */
const MEMORY_FORMS: Readonly<Record<string, OfMemory>> = {
  'mov r4 m4': (register, segment, base, distance) => (cpu) => {
    const { words } = cpu;
    const offset = base === NONE ? distance : (words[base]! + distance) | 0;
    words[register] = cpu.memory.read32(cpu.readAddress(segment, offset, 3), 0);
    words[register + 1] = 0;
  },
  'mov m4 r4': (register, segment, base, distance) => (cpu) => {
    const { words } = cpu;
    const offset = base === NONE ? distance : (words[base]! + distance) | 0;
    cpu.memory.write32(cpu.writeAddress(segment, offset, 3), 0, words[register]!);
  },
  'test m4 r4': (register, segment, base, distance) => (cpu) => {
    const { words } = cpu;
    const offset = base === NONE ? distance : (words[base]! + distance) | 0;
    setLogicFlags(words, cpu.memory.read32(cpu.readAddress(segment, offset, 3), 0) & words[register]!, 0);
  },
  'movzx r4 m1': (register, segment, base, distance) => (cpu) => {
    const { words } = cpu;
    const offset = base === NONE ? distance : (words[base]! + distance) | 0;
    words[register] = cpu.memory.read8(cpu.readAddress(segment, offset, 0), 0);
    words[register + 1] = 0;
  },
};

type OfMemory64 = (register: number, base: number, low: number, high: number) => Operation;

/** In 64-bit code: memory at a register of 8 bytes, without FS and GS. */
const MEMORY_FORMS_64: Readonly<Record<string, OfMemory64>> = {
  'mov r8 m8': (register, base, low, high) => (cpu) => {
    const { words, memory } = cpu;
    const address = (words[base]! + low) | 0;
    const carry = address >>> 0 < low >>> 0 ? 1 : 0;
    const value = memory.read64(address, (words[base + 1]! + high + carry) | 0);
    words[register] = value;
    words[register + 1] = memory.high;
  },
  'mov m8 r8': (register, base, low, high) => (cpu) => {
    const { words, memory } = cpu;
    const address = (words[base]! + low) | 0;
    const carry = address >>> 0 < low >>> 0 ? 1 : 0;
    memory.write64(address, (words[base + 1]! + high + carry) | 0, words[register]!, words[register + 1]!);
  },
};

const WIDE_FORMS: Readonly<Record<string, OfRegisters>> = {
  mov:
    (to, from) =>
    ({ words }) => {
      words[to] = words[from]!;
      words[to + 1] = words[from + 1]!;
    },
  test:
    (to, from) =>
    ({ words }) =>
      setLogicFlags64(words, words[to]! & words[from]!, words[to + 1]! & words[from + 1]!),
};

function build(instruction: ExecutableInstruction, { bitness }: Setting): Operation | undefined {
  const { mnemonic, operands } = instruction;
  const [first, second] = operands;
  if (!first || !second || operands.length > 2) return undefined;
  const to = wordOf(first);
  const from = wordOf(second);
  const shape = `${mnemonic} ${shapeOf(first)} ${shapeOf(second)}`;
  if (to !== undefined && shape.endsWith(' r4 r4')) return FORMS[mnemonic]?.registers(to, from!);
  if (to !== undefined && shape.endsWith(' r8 r8')) return WIDE_FORMS[mnemonic]?.(to, from!);
  if (to !== undefined && second.kind === 'immediate' && shapeOf(first) === 'r4')
    return FORMS[mnemonic]?.immediate(to, Number(BigInt.asIntN(32, second.value)));
  const memory = first.kind === 'memory' ? first : second.kind === 'memory' ? second : undefined;
  const register = to ?? from;
  if (!memory || register === undefined || memory.index !== undefined) return undefined;
  return bitness === 64
    ? memory64(shape, register, memory)
    : bitness === 32
      ? memory32(shape, register, memory)
      : undefined;
}

function memory32(shape: string, register: number, memory: MemoryOperand): Operation | undefined {
  const base = memory.base === undefined ? undefined : generalRegister(memory.base);
  if (base && base.size !== 4) return undefined;
  const distance = Number(BigInt.asIntN(32, memory.displacement));
  return MEMORY_FORMS[shape]?.(register, segmentIndex(memory.segment) ?? DS, base?.word ?? NONE, distance);
}

function memory64(shape: string, register: number, memory: MemoryOperand): Operation | undefined {
  const base = memory.base === undefined ? undefined : generalRegister(memory.base);
  if (base?.size !== 8 || memory.segment === 'fs' || memory.segment === 'gs') return undefined;
  const { displacement } = memory;
  const [low, high] = [displacement, displacement >> 32n].map((part) => Number(BigInt.asIntN(32, part)));
  return MEMORY_FORMS_64[shape]?.(register, base.word, low!, high!);
}

/** Only of 4 and 8 bytes. */
function wordOf(operand: Operand): number | undefined {
  const part = operand.kind === 'register' ? generalRegister(operand.register) : undefined;
  return part && part.size >= 4 && part.word < GENERAL + 32 ? part.word : undefined;
}

/** `r4`, `m8`. */
function shapeOf(operand: Operand): string {
  if (operand.kind === 'memory') return `m${operand.sizeBytes}`;
  const size = operand.kind === 'register' ? generalRegister(operand.register)?.size : undefined;
  return size === undefined ? operand.kind : `r${size}`;
}

export const USUAL_FORMS: Family = Object.fromEntries(
  ['mov', 'movzx', ...Object.keys(FORMS)].map((mnemonic) => [mnemonic, build]),
);
