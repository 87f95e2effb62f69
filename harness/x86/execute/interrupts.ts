/** INT n, INT3, INTO, INT1, BOUND, UD0 … UD2 and IRET (SDM 2A, 3A §6.12, §6.14.3). */
import { FLAG, isOverflow, readFlags, writeSomeFlags } from '../state/flags.ts';
import { RFLAGS } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { interrupt } from './exceptions.ts';
import { enterReal, returnProtected } from './far-transfers.ts';
import { generalProtection, GuestFault, invalidOpcode, VECTOR } from './guest-fault.ts';
import type { Build, Family } from './operation.ts';
import { linearAddress, MEMORY_ACCESS, placeOf } from './places.ts';
import { accessFlagChanged, changeableFlags } from './stack.ts';
import { ModelStop } from './stop.ts';
import { undoing } from './undo.ts';

const numbered: Build = ({ operands: [vector] }) => {
  if (vector?.kind !== 'immediate') return undefined;
  const number = Number(vector.value);
  return (cpu) => interrupt(cpu, number);
};

const undefinedOpcode: Build = () => () => {
  throw invalidOpcode();
};

/** Outside 64-bit mode only. */
const bound: Build = ({ operands: [index, bounds] }, { bitness }) => {
  const place = placeOf(index, bitness);
  if (!place || bounds?.kind !== 'memory') return undefined;
  const { size } = place;
  const linear = linearAddress(bounds, bitness, 2 * size);
  const { read } = MEMORY_ACCESS[size];
  const shift = 32 - 8 * size;
  return (cpu) => {
    const at = linear.forRead(cpu);
    const [lower, upper] = [read(cpu, at, 0) << shift, read(cpu, (at + size) | 0, 0) << shift];
    const value = place.read(cpu) << shift;
    if (value < lower || value > upper) throw new GuestFault(VECTOR.bound);
  };
};

const returnFromInterrupt: Build = ({ code }) => {
  const sizeBytes = code === 'Iretw' ? 2 : code === 'Iretd' ? 4 : 8;
  return (cpu) =>
    undoing(cpu, () => {
      if (cpu.isProtected) returnThroughFrame(cpu, sizeBytes);
      else returnReal(cpu, sizeBytes);
    });
};

function returnReal(cpu: Cpu, sizeBytes: number): void {
  const isVirtual = (cpu.words[RFLAGS]! & FLAG.vm) !== 0;
  if (isVirtual) throw new ModelStop({ kind: 'unsupported', what: 'iret in virtual-8086 mode' });
  const offset = cpu.peek(sizeBytes);
  const selector = cpu.peek(sizeBytes, sizeBytes) & 0xffff;
  const flags = cpu.peek(sizeBytes, 2 * sizeBytes);
  cpu.drop(3 * sizeBytes);
  enterReal(cpu, selector, offset);
  writeSomeFlags(cpu.words, flags, changeableFlags(cpu, sizeBytes));
}

function returnThroughFrame(cpu: Cpu, sizeBytes: number): void {
  if ((readFlags(cpu.words) & FLAG.nt) !== 0) {
    if (cpu.isLongMode) throw generalProtection();
    throw new ModelStop({ kind: 'unsupported', what: 'a return from a nested task' });
  }
  const low = cpu.peek(sizeBytes);
  const high = cpu.high;
  const selector = cpu.peek(sizeBytes, sizeBytes) & 0xffff;
  const flags = cpu.peek(sizeBytes, 2 * sizeBytes);
  if ((flags & FLAG.vm) !== 0 && cpu.privilege === 0 && sizeBytes === 4 && !cpu.isLongMode)
    throw new ModelStop({ kind: 'unsupported', what: 'a return to virtual-8086 mode' });
  const changeable = changeableFlags(cpu, sizeBytes);
  const stackAt = 3 * sizeBytes;
  returnProtected(cpu, { low, high, selector, stackAt, sizeBytes }, cpu.bitness === 64, 0);
  writeSomeFlags(cpu.words, flags, changeable);
  accessFlagChanged(cpu);
}

export const INTERRUPT_FAMILY: Family = {
  int: numbered,
  int3: () => (cpu) => interrupt(cpu, VECTOR.breakpoint),
  into: () => (cpu) => {
    if (isOverflow(cpu.words)) interrupt(cpu, VECTOR.overflow);
  },
  int1: () => (cpu) => interrupt(cpu, VECTOR.debug, false),
  bound,
  ud0: undefinedOpcode,
  ud1: undefinedOpcode,
  ud2: undefinedOpcode,
  iret: returnFromInterrupt,
  iretd: returnFromInterrupt,
  iretq: returnFromInterrupt,
};
