/** Stacks of inner privilege levels, kept in the task state segment (SDM 3A §7.2.1, §7.7). */
import { descriptorType } from '../state/segment-attributes.ts';
import { ATTRIBUTES, BASE, LIMIT, segmentWord, SELECTOR, TR } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { indexOf, tableAddress } from './descriptors.ts';
import { GuestFault, VECTOR } from './guest-fault.ts';

const TASK = segmentWord(TR);
const WIDE_TYPE_BIT = 8;

/** Bytes of a field at `offset`. @throws GuestFault: #TS where it is beyond the limit. */
function addressIn(cpu: Cpu, offset: number, sizeBytes: number): number {
  const { words } = cpu;
  if (offset + sizeBytes - 1 > words[TASK + LIMIT]! >>> 0)
    throw new GuestFault(VECTOR.invalidTss, indexOf(words[TASK + SELECTOR]!));
  return tableAddress(cpu, TASK + BASE, offset);
}

export interface StackPointer {
  readonly selector: number;
  readonly pointer: number;
}

/** SS and SP or ESP for a privilege level from 0 to 2, outside long mode. @throws GuestFault */
export function innerStack(cpu: Cpu, privilege: number): StackPointer {
  const { memory, words } = cpu;
  const isWide = (descriptorType(words[TASK + ATTRIBUTES]!) & WIDE_TYPE_BIT) !== 0;
  return memory.asSupervisor(() => {
    if (isWide) {
      const low = addressIn(cpu, 4 + 8 * privilege, 6);
      return { pointer: memory.read32(low, cpu.high), selector: memory.read16((low + 4) | 0, cpu.high) };
    }
    const low = addressIn(cpu, 2 + 4 * privilege, 4);
    return { pointer: memory.read16(low, cpu.high), selector: memory.read16((low + 2) | 0, cpu.high) };
  });
}

const [RSP0_OFFSET, IST1_OFFSET] = [4, 0x24];

/** @returns the low word; the high one is in `cpu.high`. @param ist 1 to 7; 0: the privilege level's own */
export function longStack(cpu: Cpu, privilege: number, ist: number): number {
  const offset = ist === 0 ? RSP0_OFFSET + 8 * privilege : IST1_OFFSET + 8 * (ist - 1);
  return cpu.memory.asSupervisor(() => {
    const at = addressIn(cpu, offset, 8);
    const low = cpu.memory.read64(at, cpu.high);
    cpu.high = cpu.memory.high;
    return low;
  });
}

const PORT_MAP_OFFSET = 102;

/** The I/O permission bit map (SDM 1 §18.5.2): all of the port's bits must be 0. */
export function mayUsePort(cpu: Cpu, port: number, sizeBytes: number): boolean {
  const { memory, words } = cpu;
  const limit = words[TASK + LIMIT]! >>> 0;
  const isWide = (descriptorType(words[TASK + ATTRIBUTES]!) & WIDE_TYPE_BIT) !== 0;
  if (!isWide || limit < PORT_MAP_OFFSET + 1) return false;
  return memory.asSupervisor(() => {
    const start = memory.read16(tableAddress(cpu, TASK + BASE, PORT_MAP_OFFSET), cpu.high);
    const at = start + (port >>> 3);
    if (at + 1 > limit) return false;
    const bits = memory.read16(tableAddress(cpu, TASK + BASE, at), cpu.high) >>> (port & 7);
    return (bits & ((1 << sizeBytes) - 1)) === 0;
  });
}
