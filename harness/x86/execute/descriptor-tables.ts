/** LGDT LIDT SGDT SIDT, LLDT LTR SLDT STR, LAR LSL VERR VERW (SDM 3A §2.4, §5.10, 2A, 2B). */
import { FLAG, writeSomeFlags } from '../state/flags.ts';
import {
  descriptorType,
  isConforming,
  isNotSystem,
  isPresent,
  isReadable,
  isWritable,
  privilegeLevel,
} from '../state/segment-attributes.ts';
import { GDTR, IDTR, LDTR, segmentWord, SELECTOR, TR } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import {
  type Descriptor,
  indexOf,
  isNull,
  limitOf,
  mark,
  readDescriptor,
  readUpperHalf,
  setNullSegment,
  setSegment,
} from './descriptors.ts';
import { generalProtection, GuestFault, invalidOpcode, VECTOR } from './guest-fault.ts';
import type { Build, Family } from './operation.ts';
import { linearAddress, memoryPlace, type Place, placeOf } from './places.ts';
import { requirePrivilege } from './stack.ts';
import type { ExecutableInstruction } from '../instruction.ts';

/** With 16-bit operands 24 bits of the base are loaded and stored (SDM 2A, LGDT; QEMU stores so, too). */
const BASE_24 = 0x00ff_ffff;
const isNarrow = (code: string): boolean => code.endsWith('_16');

const loadTable =
  (word: number): Build =>
  ({ operands: [from], code }, { bitness }) => {
    if (from?.kind !== 'memory') return undefined;
    const linear = linearAddress(from, bitness, from.sizeBytes);
    const mask = isNarrow(code) ? BASE_24 : -1;
    return (cpu) => {
      requirePrivilege(cpu);
      const { memory, words } = cpu;
      const low = linear.forRead(cpu);
      const high = cpu.high;
      const limit = memory.read16(low, high);
      const [next, nextHigh] = after(low, high, bitness);
      const base = bitness === 64 ? memory.read64(next, nextHigh) : memory.read32(next, nextHigh);
      const baseHigh = bitness === 64 ? memory.high : 0;
      if (baseHigh !== (baseHigh << 16) >> 16) throw generalProtection();
      words[word] = base & mask;
      words[word + 1] = baseHigh;
      words[word + 2] = limit;
    };
  };

const storeTable =
  (word: number): Build =>
  ({ operands: [to], code }, { bitness }) => {
    if (to?.kind !== 'memory') return undefined;
    const linear = linearAddress(to, bitness, to.sizeBytes);
    const mask = isNarrow(code) ? BASE_24 : -1;
    return (cpu) => {
      const { memory, words } = cpu;
      const low = linear.forWrite(cpu);
      const high = cpu.high;
      memory.write16(low, high, words[word + 2]!);
      const [next, nextHigh] = after(low, high, bitness);
      if (bitness === 64) memory.write64(next, nextHigh, words[word]!, words[word + 1]!);
      else memory.write32(next, nextHigh, words[word]! & mask);
    };
  };

/** The address of the base behind the limit. */
function after(low: number, high: number, bitness: number): [low: number, high: number] {
  const next = (low + 2) | 0;
  return [next, bitness === 64 && next >>> 0 < 2 ? (high + 1) | 0 : high];
}

function requireProtected(cpu: Cpu): void {
  if (!cpu.isProtected) throw invalidOpcode();
}

/** A selector operand: of memory 16 bits are read or written whatever the operand size. */
function selectorPlace({ operands }: ExecutableInstruction, index: number, bitness: 16 | 32 | 64) {
  const operand = operands[index];
  return operand?.kind === 'memory' ? memoryPlace(operand, bitness, 2) : placeOf(operand, bitness);
}

const [LDT_TYPE, BUSY_BIT] = [2, 1 << 9];
/** Available task state segments; in long mode type 9 alone. */
const TSS_TYPES = [1, 9];

const loadSystem =
  (register: number, load: (cpu: Cpu, descriptor: Descriptor, baseHigh: number) => void): Build =>
  (instruction, { bitness }) => {
    const place = selectorPlace(instruction, 0, bitness);
    return (
      place &&
      ((cpu) => {
        requireProtected(cpu);
        requirePrivilege(cpu);
        const selector = place.read(cpu) & 0xffff;
        if (isNull(selector)) {
          if (register === TR) throw generalProtection();
          return setNullSegment(cpu, LDTR, selector);
        }
        // They stand in the GDT only.
        if ((selector & 4) !== 0) throw generalProtection(indexOf(selector));
        const descriptor = readDescriptor(cpu, selector);
        load(cpu, descriptor, cpu.isLongMode ? readUpperHalf(cpu, selector) : 0);
      })
    );
  };

function requireType(cpu: Cpu, { selector, second }: Descriptor, types: readonly number[]): void {
  const type = descriptorType(second);
  if (isNotSystem(second) || !types.includes(type) || (cpu.isLongMode && type === 1))
    throw generalProtection(indexOf(selector));
  if (!isPresent(second)) throw new GuestFault(VECTOR.segmentNotPresent, indexOf(selector));
}

function loadLocalTable(cpu: Cpu, descriptor: Descriptor, baseHigh: number): void {
  requireType(cpu, descriptor, [LDT_TYPE]);
  setSegment(cpu, LDTR, descriptor.selector, descriptor, baseHigh);
}

function loadTask(cpu: Cpu, descriptor: Descriptor, baseHigh: number): void {
  requireType(cpu, descriptor, TSS_TYPES);
  const busy = mark(cpu, descriptor, BUSY_BIT);
  setSegment(cpu, TR, descriptor.selector, cpu.habits.showsBusyTask ? busy : descriptor, baseHigh);
}

const storeSystem =
  (register: number): Build =>
  (instruction, { bitness }) => {
    const place = selectorPlace(instruction, 0, bitness);
    return (
      place &&
      ((cpu) => {
        requireProtected(cpu);
        place.write(cpu, cpu.words[segmentWord(register) + SELECTOR]!, 0);
      })
    );
  };

/** @returns undefined where the table has no such entry or the program may not see it. */
function visible(cpu: Cpu, selector: number): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  try {
    const descriptor = readDescriptor(cpu, selector);
    const level = privilegeLevel(descriptor.second);
    const isHidden = !isConforming(descriptor.second) && (level < cpu.privilege || level < (selector & 3));
    return isHidden ? undefined : descriptor;
  } catch (fault) {
    if (fault instanceof GuestFault && fault.vector === VECTOR.generalProtection) return undefined;
    throw fault;
  }
}

/** Types of system descriptors that have rights, and those that have a limit (SDM 2A, LAR, LSL); long mode has fewer. */
const WITH_RIGHTS = { legacy: [1, 2, 3, 4, 5, 9, 11, 12], long: [2, 9, 11, 12] };
const WITH_LIMIT = { legacy: [1, 2, 3, 9, 11], long: [2, 9, 11] };

const query =
  (types: typeof WITH_RIGHTS, answer: (descriptor: Descriptor) => number): Build =>
  (instruction, { bitness }) => {
    const to = placeOf(instruction.operands[0], bitness);
    const from = selectorPlace(instruction, 1, bitness);
    if (!to || !from) return undefined;
    return (cpu) => {
      requireProtected(cpu);
      const descriptor = visible(cpu, from.read(cpu) & 0xffff);
      const allowed = cpu.isLongMode ? types.long : types.legacy;
      const isGiven =
        descriptor && (isNotSystem(descriptor.second) || allowed.includes(descriptorType(descriptor.second)));
      writeSomeFlags(cpu.words, isGiven ? FLAG.zf : 0, FLAG.zf);
      if (isGiven) to.write(cpu, answer(descriptor), 0);
    };
  };

const verify =
  (isAllowed: (attributes: number) => boolean): Build =>
  (instruction, { bitness }) => {
    const place: Place | undefined = selectorPlace(instruction, 0, bitness);
    return (
      place &&
      ((cpu) => {
        requireProtected(cpu);
        const descriptor = visible(cpu, place.read(cpu) & 0xffff);
        writeSomeFlags(cpu.words, descriptor && isAllowed(descriptor.second) ? FLAG.zf : 0, FLAG.zf);
      })
    );
  };

export const DESCRIPTOR_TABLE_FAMILY: Family = {
  lgdt: loadTable(GDTR),
  lidt: loadTable(IDTR),
  sgdt: storeTable(GDTR),
  sidt: storeTable(IDTR),
  lldt: loadSystem(LDTR, loadLocalTable),
  ltr: loadSystem(TR, loadTask),
  sldt: storeSystem(LDTR),
  str: storeSystem(TR),
  lar: query(WITH_RIGHTS, ({ second }) => second & 0x00f0_ff00),
  lsl: query(WITH_LIMIT, limitOf),
  verr: verify(isReadable),
  verw: verify(isWritable),
};
