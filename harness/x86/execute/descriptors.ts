/** Segment and system descriptors in memory, and what a segment register keeps of them (SDM 3A §3.4.5, §3.5). */
import { ACCESSED_BIT, isGranular } from '../state/segment-attributes.ts';
import {
  ATTRIBUTES,
  BASE,
  BASE_HIGH,
  GDTR,
  LDTR,
  LIMIT,
  segmentWord,
  SELECTOR,
} from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { GuestFault, VECTOR } from './guest-fault.ts';

export interface Descriptor {
  readonly selector: number;
  /** The two doublewords. */
  readonly first: number;
  readonly second: number;
}

/** Where a table or a task state segment lies: the word of its base (low, high), and its limit in bytes. */
interface Region {
  readonly base: number;
  readonly limit: number;
}

const LDT_BIT = 4;
/** A descriptor's second doubleword without base; limit bits 16 to 19 stay, as QEMU prints them. */
const KEPT = 0x00ff_ff00;

export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;
/** As it stands in an error code. */
export const indexOf = (selector: number): number => selector & 0xfffc;

/** An address in a table: its low word; the high one, of which only long mode has any, is in `cpu.high`. */
export function tableAddress(cpu: Cpu, baseWord: number, offset: number): number {
  const from = cpu.words[baseWord]!;
  const low = (from + offset) | 0;
  cpu.high = cpu.isLongMode ? (cpu.words[baseWord + 1]! + (low >>> 0 < from >>> 0 ? 1 : 0)) | 0 : 0;
  return low;
}

function tableOf({ words }: Cpu, selector: number): Region {
  if ((selector & LDT_BIT) === 0) return { base: GDTR, limit: words[GDTR + 2]! >>> 0 };
  const ldt = segmentWord(LDTR);
  return { base: ldt + BASE, limit: words[ldt + LIMIT]! >>> 0 };
}

/**
 * @param vector of the fault where the table has no such entry
 * @throws GuestFault with the selector as error code
 */
export function readDescriptor(
  cpu: Cpu,
  selector: number,
  vector: number = VECTOR.generalProtection,
): Descriptor {
  const table = tableOf(cpu, selector);
  const offset = selector & ~7;
  if (offset + 7 > table.limit) throw new GuestFault(vector, indexOf(selector));
  return cpu.memory.asSupervisor(() => {
    const low = tableAddress(cpu, table.base, offset);
    const first = cpu.memory.read64(low, cpu.high);
    return { selector, first, second: cpu.memory.high };
  });
}

/** The second half of a 16-byte descriptor of long mode: bits 32 to 63 of a base or an offset. @throws GuestFault */
export function readUpperHalf(cpu: Cpu, selector: number): number {
  const table = tableOf(cpu, selector);
  const offset = (selector & ~7) + 8;
  if (offset + 7 > table.limit) throw new GuestFault(VECTOR.generalProtection, indexOf(selector));
  return cpu.memory.asSupervisor(() => {
    const low = tableAddress(cpu, table.base, offset);
    const upper = cpu.memory.read64(low, cpu.high);
    if ((cpu.memory.high & 0x1f00) !== 0) throw new GuestFault(VECTOR.generalProtection, indexOf(selector));
    return upper;
  });
}

/** Sets bits of the second doubleword in memory. @returns the descriptor with them */
export function mark(cpu: Cpu, descriptor: Descriptor, bits: number): Descriptor {
  const second = descriptor.second | bits;
  if (second === descriptor.second) return descriptor;
  const table = tableOf(cpu, descriptor.selector);
  cpu.memory.asSupervisor(() => {
    const low = tableAddress(cpu, table.base, (descriptor.selector & ~7) + 4);
    cpu.memory.write32(low, cpu.high, second);
  });
  return { ...descriptor, second };
}

export const markAccessed = (cpu: Cpu, descriptor: Descriptor): Descriptor =>
  mark(cpu, descriptor, ACCESSED_BIT);

export const baseOf = ({ first, second }: Descriptor): number =>
  (first >>> 16) | ((second & 0xff) << 16) | (second & 0xff00_0000);

/** In bytes, as a word. */
export function limitOf({ first, second }: Descriptor): number {
  const limit = (first & 0xffff) | (second & 0xf_0000);
  return isGranular(second) ? (limit << 12) | 0xfff : limit;
}

/** Loads a segment register's four parts; checks nothing. @param selector with the privilege level it shall show */
export function setSegment(
  { words }: Cpu,
  segment: number,
  selector: number,
  descriptor: Descriptor,
  baseHigh = 0,
): void {
  const word = segmentWord(segment);
  words[word + SELECTOR] = selector & 0xffff;
  words[word + BASE] = baseOf(descriptor);
  words[word + BASE_HIGH] = baseHigh;
  words[word + LIMIT] = limitOf(descriptor);
  words[word + ATTRIBUTES] = descriptor.second & KEPT;
}

/** @param attributes of a null SS: it keeps a privilege level. */
export function setNullSegment({ words }: Cpu, segment: number, selector: number, attributes = 0): void {
  const word = segmentWord(segment);
  words.fill(0, word, word + ATTRIBUTES);
  words[word + SELECTOR] = selector & 0xffff;
  words[word + ATTRIBUTES] = attributes;
}

/** Real and virtual-8086 mode: limit and attributes stay as they are (SDM 3B §20.1.1, as QEMU and processors do it). */
export function setRealSegment({ words }: Cpu, segment: number, selector: number): void {
  const word = segmentWord(segment);
  words[word + SELECTOR] = selector & 0xffff;
  words[word + BASE] = (selector & 0xffff) << 4;
  words[word + BASE_HIGH] = 0;
}
