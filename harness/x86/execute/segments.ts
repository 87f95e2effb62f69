/** Loading and storing of data segment registers: MOV, PUSH, POP, LDS … LGS (SDM 3A §5.5 to §5.7, 2A, 2B). */
import {
  isConforming,
  isNotSystem,
  isPresent,
  isReadable,
  isWritable,
  privilegeLevel,
} from '../state/segment-attributes.ts';
import { CS, segmentWord, SELECTOR, SS } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import {
  type Descriptor,
  indexOf,
  isNull,
  markAccessed,
  readDescriptor,
  setNullSegment,
  setRealSegment,
  setSegment,
} from './descriptors.ts';
import { generalProtection, GuestFault, VECTOR } from './guest-fault.ts';
import type { Build, Family } from './operation.ts';
import { linearAddress, MEMORY_ACCESS, placeOf, memoryPlace } from './places.ts';
import { segmentIndex, type Size } from './registers.ts';
import type { Operand } from '../instruction.ts';

/** Any segment register but CS. @throws GuestFault, with nothing changed */
export function loadSegment(cpu: Cpu, segment: number, selector: number): void {
  if (!cpu.isProtected) setRealSegment(cpu, segment, selector);
  else if (isNull(selector)) loadNull(cpu, segment, selector);
  else {
    const descriptor = readDescriptor(cpu, selector);
    if (segment === SS) checkStack(descriptor, cpu.privilege, VECTOR.generalProtection);
    else checkData(descriptor, cpu.privilege);
    setSegment(cpu, segment, selector, markAccessed(cpu, descriptor));
  }
  cpu.segmentsChanged();
}

function loadNull(cpu: Cpu, segment: number, selector: number): void {
  if (segment === SS && (cpu.bitness !== 64 || cpu.privilege === 3)) throw generalProtection();
  // A null SS keeps the privilege level.
  setNullSegment(cpu, segment, selector, segment === SS ? cpu.privilege << 13 : 0);
}

/** @param vector #GP, or #TS where the selector comes from a task state segment. @throws GuestFault */
export function checkStack({ selector, second }: Descriptor, privilege: number, vector: number): void {
  const isWrong = (selector & 3) !== privilege || privilegeLevel(second) !== privilege || !isWritable(second);
  if (isWrong) throw new GuestFault(vector, indexOf(selector));
  if (!isPresent(second)) throw new GuestFault(VECTOR.stack, indexOf(selector));
}

function checkData({ selector, second }: Descriptor, privilege: number): void {
  const level = privilegeLevel(second);
  const isRefused = !isConforming(second) && (level < privilege || level < (selector & 3));
  if (!isNotSystem(second) || !isReadable(second) || isRefused) throw generalProtection(indexOf(selector));
  if (!isPresent(second)) throw new GuestFault(VECTOR.segmentNotPresent, indexOf(selector));
}

function segmentOf(operand: Operand | undefined): number | undefined {
  return operand?.kind === 'register' ? segmentIndex(operand.register) : undefined;
}

const selectorOf = ({ words }: Cpu, segment: number): number => words[segmentWord(segment) + SELECTOR]!;

const move: Build = ({ operands: [to, from] }, { bitness }) => {
  const target = segmentOf(to);
  if (target !== undefined && target !== CS) {
    const read = from?.kind === 'memory' ? memoryPlace(from, bitness, 2).read : placeOf(from, bitness)?.read;
    return read && ((cpu) => loadSegment(cpu, target, read(cpu) & 0xffff));
  }
  const source = segmentOf(from);
  if (source === undefined) return undefined;
  const place = to?.kind === 'memory' ? memoryPlace(to, bitness, 2) : placeOf(to, bitness);
  return place && ((cpu) => place.write(cpu, selectorOf(cpu, source), 0));
};

const push: Build = ({ operands, stackGrowth }) => {
  const segment = segmentOf(operands[0]);
  if (segment === undefined) return undefined;
  return (cpu) => cpu.push(-stackGrowth, selectorOf(cpu, segment), 0);
};

const pop: Build = ({ operands, stackGrowth }) => {
  const segment = segmentOf(operands[0]);
  if (segment === undefined) return undefined;
  return (cpu) => {
    // The stack pointer moves by the size that the stack had before SS changed.
    const selector = cpu.peek(stackGrowth) & 0xffff;
    const { stackBytes } = cpu;
    loadSegment(cpu, segment, selector);
    const after = cpu.stackBytes;
    cpu.stackBytes = stackBytes;
    cpu.drop(stackGrowth);
    cpu.stackBytes = after;
  };
};

/** A far pointer in memory: offset, then selector. */
export interface FarPointer {
  readonly offset: number;
  readonly offsetHigh: number;
  readonly selector: number;
}

/** @returns undefined where the operand is no memory. */
export function farPointerReader(
  operand: Operand | undefined,
  bitness: 16 | 32 | 64,
): ((cpu: Cpu) => FarPointer) | undefined {
  if (operand?.kind !== 'memory') return undefined;
  const offsetBytes = (operand.sizeBytes - 2) as Size;
  const linear = linearAddress(operand, bitness, operand.sizeBytes);
  const { read } = MEMORY_ACCESS[offsetBytes];
  return (cpu) => {
    const low = linear.forRead(cpu);
    const high = cpu.high;
    const offset = read(cpu, low, high);
    const offsetHigh = offsetBytes === 8 ? cpu.high : 0;
    const next = (low + offsetBytes) | 0;
    const nextHigh = bitness === 64 && next >>> 0 < offsetBytes ? (high + 1) | 0 : high;
    return { offset, offsetHigh, selector: cpu.memory.read16(next, nextHigh) };
  };
}

const loadPointer =
  (segment: number): Build =>
  ({ operands }, { bitness }) => {
    const place = placeOf(operands[0], bitness);
    const read = farPointerReader(operands[1], bitness);
    if (!place || !read) return undefined;
    return (cpu) => {
      const { offset, offsetHigh, selector } = read(cpu);
      loadSegment(cpu, segment, selector);
      place.write(cpu, offset, offsetHigh);
    };
  };

export const SEGMENT_FAMILY: Family = {
  mov: move,
  push,
  pop,
  ...Object.fromEntries(
    ['es', 'ss', 'ds', 'fs', 'gs'].map((name) => [`l${name}`, loadPointer(segmentIndex(name)!)]),
  ),
};
