/** Loading CS: which code segments a far transfer may enter (SDM 3A §5.8.1). */
import {
  isCode,
  isConforming,
  isLong,
  isPresent,
  isWide,
  privilegeLevel,
} from '../state/segment-attributes.ts';
import { CS, RIP, segmentWord, SELECTOR, SS } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import {
  type Descriptor,
  indexOf,
  isNull,
  limitOf,
  markAccessed,
  readDescriptor,
  setNullSegment,
  setSegment,
} from './descriptors.ts';
import { generalProtection, GuestFault, VECTOR } from './guest-fault.ts';
import { checkStack } from './segments.ts';

/** An offset in a code segment. */
export interface Target {
  readonly low: number;
  readonly high: number;
}

/** The descriptor of a code segment, rights not yet looked at. @throws GuestFault where it is none */
export function readCodeDescriptor(cpu: Cpu, selector: number): Descriptor {
  if (isNull(selector)) throw generalProtection();
  const descriptor = readDescriptor(cpu, selector);
  requireCode(cpu, descriptor);
  return descriptor;
}

/** @throws GuestFault: #GP(selector) for data, and for a segment that is both 64-bit and 32-bit. */
export function requireCode(cpu: Cpu, { selector, second }: Descriptor): void {
  if (!isCode(second) || (cpu.isLongMode && isLong(second) && isWide(second)))
    throw generalProtection(indexOf(selector));
}

export function requirePresent({ selector, second }: Descriptor): void {
  if (!isPresent(second)) throw new GuestFault(VECTOR.segmentNotPresent, indexOf(selector));
}

/** JMP and CALL without a gate. @throws GuestFault */
export function requireReachable(cpu: Cpu, descriptor: Descriptor): void {
  const { selector, second } = descriptor;
  const level = privilegeLevel(second);
  const isAllowed = isConforming(second)
    ? level <= cpu.privilege
    : level === cpu.privilege && (selector & 3) <= cpu.privilege;
  if (!isAllowed) throw generalProtection(indexOf(selector));
  requirePresent(descriptor);
}

/**
 * Loads CS and the instruction pointer.
 * @param privilege what the selector shows
 * @throws GuestFault: #GP(0) where the target is beyond the limit or not canonical
 */
export function enterCode(cpu: Cpu, descriptor: Descriptor, privilege: number, target: Target): void {
  const { words, habits } = cpu;
  const is64 = cpu.isLongMode && isLong(descriptor.second);
  if (is64 ? target.high !== (target.high << 16) >> 16 : target.low >>> 0 > limitOf(descriptor) >>> 0)
    throw generalProtection();
  const entered = habits.marksCodeAccessed ? markAccessed(cpu, descriptor) : descriptor;
  setSegment(cpu, CS, (descriptor.selector & ~3) | privilege, entered);
  words[RIP] = target.low;
  words[RIP + 1] = is64 ? target.high : 0;
  cpu.segmentsChanged();
}

/**
 * Loads SS as a return or an interrupt does.
 * @param vector of a wrong segment: #GP, or #TS where the selector comes from a task state segment
 * @throws GuestFault
 */
export function enterStack(cpu: Cpu, selector: number, privilege: number, vector: number): void {
  if (isNull(selector)) throw new GuestFault(vector, vector === VECTOR.invalidTss ? indexOf(selector) : 0);
  const descriptor = readDescriptor(cpu, selector, vector);
  checkStack(descriptor, privilege, vector);
  setSegment(cpu, SS, selector, markAccessed(cpu, descriptor));
}

/** In 64-bit mode SS may be null; it still says the privilege level. */
export function enterNullStack(cpu: Cpu, selector: number, privilege: number): void {
  setNullSegment(cpu, SS, selector, privilege << 13);
}

/** CS and the instruction pointer, for a RETF. */
export function pushReturn(cpu: Cpu, sizeBytes: number): void {
  const { words } = cpu;
  const [low, high] = [words[RIP]!, words[RIP + 1]!];
  cpu.push(sizeBytes, words[segmentWord(CS) + SELECTOR]!, 0);
  cpu.push(sizeBytes, low, high);
}
