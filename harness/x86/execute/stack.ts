/** PUSH and POP of integers, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE (SDM 1 §6.2, 2A, 2B). Segment registers: segments.ts. */
import { FLAG, readFlags, writeSomeFlags } from '../state/flags.ts';
import { CR4, GENERAL, RFLAGS } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { generalProtection } from './guest-fault.ts';
import type { Build, Family } from './operation.ts';
import { placeOf, readerOf, registerPlace } from './places.ts';
import { generalRegister } from './registers.ts';

const RSP = GENERAL + 2 * 4;
const [SP_INDEX, BP_INDEX] = [4, 5];

const push: Build = ({ operands, stackGrowth }, { bitness }) => {
  const read = readerOf(operands[0], bitness);
  if (!read) return undefined;
  const sizeBytes = -stackGrowth;
  return (cpu) => {
    const low = read(cpu);
    cpu.push(sizeBytes, low, cpu.high);
  };
};

const pop: Build = ({ operands, stackGrowth }, { bitness }) => {
  const place = placeOf(operands[0], bitness);
  if (!place) return undefined;
  return (cpu) => {
    const low = cpu.peek(stackGrowth);
    const high = cpu.high;
    const [pointer, pointerHigh] = [cpu.words[RSP]!, cpu.words[RSP + 1]!];
    // The destination's address is computed with the stack pointer moved already (SDM 2B, POP).
    cpu.drop(stackGrowth);
    try {
      place.write(cpu, low, high);
    } catch (fault) {
      cpu.words[RSP] = pointer;
      cpu.words[RSP + 1] = pointerHigh;
      throw fault;
    }
  };
};

const pushAll: Build = ({ stackGrowth }) => {
  const sizeBytes = -stackGrowth / 8;
  return (cpu) => {
    const { words } = cpu;
    const [pointer, pointerHigh] = [words[RSP]!, words[RSP + 1]!];
    try {
      for (let index = 0; index < 8; index++)
        cpu.push(sizeBytes, index === SP_INDEX ? pointer : words[GENERAL + 2 * index]!);
    } catch (fault) {
      words[RSP] = pointer;
      words[RSP + 1] = pointerHigh;
      throw fault;
    }
  };
};

const popAll: Build = ({ stackGrowth }) => {
  const sizeBytes = stackGrowth / 8;
  const names =
    sizeBytes === 2
      ? ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']
      : ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
  const places = names.map((name) => registerPlace(generalRegister(name)!));
  return (cpu) => {
    const values = places.map((_, index) => cpu.peek(sizeBytes, (7 - index) * sizeBytes));
    for (const [index, place] of places.entries())
      if (index !== SP_INDEX) place.write(cpu, values[index]!, 0);
    cpu.drop(8 * sizeBytes);
  };
};

const pushFlags: Build = ({ stackGrowth }) => {
  const sizeBytes = -stackGrowth;
  // RF and VM are stored as 0 (SDM 2B, PUSHF).
  return (cpu) => cpu.push(sizeBytes, readFlags(cpu.words) & ~(FLAG.rf | FLAG.vm), 0);
};

const CHANGEABLE = 0x3f_7fd5;

/** What POPF and IRET may change at this privilege; VIF, VIP, VM and RF are left to IRET. */
export function changeableFlags(cpu: Cpu, sizeBytes: number): number {
  const privilege = cpu.privilege;
  const ioPrivilege = (cpu.words[RFLAGS]! & FLAG.iopl) >>> 12;
  let mask = CHANGEABLE & ~(FLAG.rf | FLAG.vm | FLAG.vif | FLAG.vip);
  if (privilege > 0) mask &= ~FLAG.iopl;
  if (privilege > ioPrivilege) mask &= ~FLAG.if;
  return sizeBytes === 2 ? mask & 0xffff : mask;
}

const SMAP = 1 << 21;

/** To be called after what may have changed AC: with SMAP, rights depend on it. */
export function accessFlagChanged({ words, memory }: Cpu): void {
  if ((words[CR4]! & SMAP) !== 0) memory.flush();
}

const popFlags: Build =
  ({ stackGrowth }) =>
  (cpu) => {
    const flags = cpu.peek(stackGrowth);
    writeSomeFlags(cpu.words, flags, changeableFlags(cpu, stackGrowth));
    cpu.words[RFLAGS] = cpu.words[RFLAGS]! & ~FLAG.rf;
    cpu.drop(stackGrowth);
    accessFlagChanged(cpu);
  };

const leave: Build = ({ code }) => {
  const sizeBytes = code === 'Leavew' ? 2 : code === 'Leaved' ? 4 : 8;
  const frame = registerPlace(generalRegister(sizeBytes === 2 ? 'bp' : sizeBytes === 4 ? 'ebp' : 'rbp')!);
  return (cpu) => {
    const { words } = cpu;
    const [pointer, pointerHigh] = [words[RSP]!, words[RSP + 1]!];
    const base = GENERAL + 2 * BP_INDEX;
    if (cpu.stackBytes === 8) {
      words[RSP] = words[base]!;
      words[RSP + 1] = words[base + 1]!;
    } else cpu.setStackPointer(words[base]!);
    try {
      const low = cpu.peek(sizeBytes);
      frame.write(cpu, low, cpu.high);
    } catch (fault) {
      words[RSP] = pointer;
      words[RSP + 1] = pointerHigh;
      throw fault;
    }
    cpu.drop(sizeBytes);
  };
};

const MAX_NESTING = 32;

const enter: Build = ({ operands, code }) => {
  const [space, depth] = operands;
  if (space?.kind !== 'immediate' || depth?.kind !== 'immediate') return undefined;
  // Nested frames are of no compiler's making; who needs them is told.
  if (Number(depth.value) % MAX_NESTING !== 0) return undefined;
  const sizeBytes = code.startsWith('Enterw') ? 2 : code.startsWith('Enterd') ? 4 : 8;
  const frame = registerPlace(generalRegister(sizeBytes === 2 ? 'bp' : sizeBytes === 4 ? 'ebp' : 'rbp')!);
  return (cpu) => {
    const low = frame.read(cpu);
    cpu.push(sizeBytes, low, cpu.high);
    frame.write(cpu, cpu.words[RSP]!, cpu.words[RSP + 1]!);
    cpu.drop(-Number(space.value));
  };
};

export const requirePrivilege = (cpu: Cpu): void => {
  if (cpu.privilege !== 0) throw generalProtection();
};

export const STACK_FAMILY: Family = {
  push,
  pop,
  pushaw: pushAll,
  pushad: pushAll,
  popaw: popAll,
  popad: popAll,
  pusha: pushAll,
  popa: popAll,
  pushfw: pushFlags,
  pushfd: pushFlags,
  pushfq: pushFlags,
  pushf: pushFlags,
  popf: popFlags,
  popfw: popFlags,
  popfd: popFlags,
  popfq: popFlags,
  leave,
  enter,
};
