/** Interrupt and trap gates of 16, 32 and 64 bits (SDM 3A §6.11, §6.12.1, §6.14). */
import { FLAG, readFlags } from '../state/flags.ts';
import {
  descriptorType,
  isConforming,
  isLong,
  isNotSystem,
  isPresent,
  privilegeLevel,
} from '../state/segment-attributes.ts';
import { CS, GENERAL, IDTR, RFLAGS, RIP, segmentWord, SELECTOR, SS } from '../state/state-layout.ts';
import {
  enterCode,
  enterNullStack,
  enterStack,
  readCodeDescriptor,
  requirePresent,
} from './code-segments.ts';
import type { Cpu } from './cpu.ts';
import { type Descriptor, indexOf, tableAddress } from './descriptors.ts';
import { generalProtection, GuestFault, VECTOR } from './guest-fault.ts';
import { ModelStop } from './stop.ts';
import { innerStack, longStack } from './task-state.ts';

export interface Event {
  readonly vector: number;
  /** Pushed where there is one. */
  readonly errorCode: number | undefined;
  /** INT n, INT3 and INTO ask the gate's privilege level. */
  readonly isSoftware: boolean;
  /** RF is set in the flags that a fault pushes (SDM 3B §17.3.1.1). */
  readonly isFault: boolean;
}

interface Gate {
  readonly selector: number;
  readonly low: number;
  readonly high: number;
  readonly sizeBytes: 2 | 4 | 8;
  /** Interrupt gates clear IF, trap gates do not. */
  readonly clearsInterrupts: boolean;
  readonly ist: number;
}

const [RSP, STACK, CODE] = [GENERAL + 2 * 4, segmentWord(SS), segmentWord(CS)];
const [TASK_GATE, WIDE_TYPE_BIT, TRAP_TYPE_BIT] = [5, 8, 1];
/** Bit 1 of error codes that name a gate. */
const IN_IDT = 2;

/** @throws GuestFault, ModelStop for a task gate */
export function throughGate(cpu: Cpu, event: Event): void {
  const gate = readGate(cpu, event);
  const code = readCodeDescriptor(cpu, gate.selector);
  const level = privilegeLevel(code.second);
  if (level > cpu.privilege || (cpu.isLongMode && !isLong(code.second)))
    throw generalProtection(indexOf(gate.selector));
  requirePresent(code);
  const privilege = isConforming(code.second) ? cpu.privilege : level;
  if (cpu.isLongMode) enterLong(cpu, event, gate, code, privilege);
  else enterLegacy(cpu, event, gate, code, privilege);
}

function readGate(cpu: Cpu, { vector, isSoftware }: Event): Gate {
  const { words } = cpu;
  const errorCode = vector * (cpu.isLongMode ? cpu.habits.longGateErrorScale : 8) + IN_IDT;
  const entryBytes = cpu.isLongMode ? 16 : 8;
  const offset = vector * entryBytes;
  if (offset + entryBytes - 1 > words[IDTR + 2]! >>> 0) throw generalProtection(errorCode);
  const [first, second, third] = readEntry(cpu, offset);
  const type = descriptorType(second);
  requireGate(cpu, type, second, errorCode);
  if (isSoftware && privilegeLevel(second) < cpu.privilege) throw generalProtection(errorCode);
  if (!isPresent(second)) throw new GuestFault(VECTOR.segmentNotPresent, errorCode);
  const isWide = (type & WIDE_TYPE_BIT) !== 0;
  return {
    selector: first >>> 16,
    low: (first & 0xffff) | (isWide ? second & 0xffff_0000 : 0),
    high: third,
    sizeBytes: cpu.isLongMode ? 8 : isWide ? 4 : 2,
    clearsInterrupts: (type & TRAP_TYPE_BIT) === 0,
    ist: cpu.isLongMode ? second & 7 : 0,
  };
}

/** The first two doublewords, and in long mode the third. */
function readEntry(cpu: Cpu, offset: number): [number, number, number] {
  const { memory, isLongMode } = cpu;
  return memory.asSupervisor(() => {
    const low = tableAddress(cpu, IDTR, offset);
    const first = memory.read64(low, cpu.high);
    const second = memory.high;
    if (!isLongMode) return [first, second, 0];
    const at = tableAddress(cpu, IDTR, offset + 8);
    return [first, second, memory.read32(at, cpu.high)];
  });
}

function requireGate(cpu: Cpu, type: number, second: number, errorCode: number): void {
  const isSystem = !isNotSystem(second);
  if (isSystem && type === TASK_GATE && !cpu.isLongMode)
    throw new ModelStop({ kind: 'unsupported', what: 'an interrupt through a task gate' });
  const isGate = type === 14 || type === 15 || (!cpu.isLongMode && (type === 6 || type === 7));
  if (!isSystem || !isGate) throw generalProtection(errorCode);
}

/** What is pushed: of the interrupted program. */
interface Interrupted {
  readonly flags: number;
  readonly codeSelector: number;
  readonly stackSelector: number;
  readonly pointer: readonly [low: number, high: number];
  readonly instruction: readonly [low: number, high: number];
}

function interrupted({ words, habits }: Cpu, { isFault }: Event): Interrupted {
  return {
    flags: readFlags(words) | (isFault && habits.pushesResumeFlag ? FLAG.rf : 0),
    codeSelector: words[CODE + SELECTOR]!,
    stackSelector: words[STACK + SELECTOR]!,
    pointer: [words[RSP]!, words[RSP + 1]!],
    instruction: [words[RIP]!, words[RIP + 1]!],
  };
}

function enterLegacy(cpu: Cpu, event: Event, gate: Gate, code: Descriptor, privilege: number): void {
  const from = interrupted(cpu, event);
  const isInner = privilege < cpu.privilege;
  if (isInner) {
    const { selector, pointer } = innerStack(cpu, privilege);
    enterStack(cpu, selector, privilege, VECTOR.invalidTss);
    cpu.segmentsChanged();
    cpu.setStackPointer(pointer);
  }
  const { sizeBytes } = gate;
  if (isInner) {
    cpu.push(sizeBytes, from.stackSelector);
    cpu.push(sizeBytes, from.pointer[0]);
  }
  pushRest(cpu, event, gate, from);
  enterCode(cpu, code, privilege, gate);
  changeFlags(cpu, gate);
}

/** Always with SS and RSP, on a stack aligned to 16 bytes; SS becomes null where privilege changes. */
function enterLong(cpu: Cpu, event: Event, gate: Gate, code: Descriptor, privilege: number): void {
  const { words } = cpu;
  const from = interrupted(cpu, event);
  const isInner = privilege < cpu.privilege;
  const [low, high] =
    isInner || gate.ist !== 0 ? [longStack(cpu, privilege, gate.ist), cpu.high] : from.pointer;
  if (high !== (high << 16) >> 16) throw new GuestFault(VECTOR.stack, 0);
  const dropsSegment = isInner || (gate.ist !== 0 && !cpu.habits.keepsStackSegment);
  if (dropsSegment) enterNullStack(cpu, privilege, privilege);
  enterCode(cpu, code, privilege, gate);
  words[RSP] = low & ~0xf;
  words[RSP + 1] = high;
  cpu.push(8, from.stackSelector, 0);
  cpu.push(8, ...from.pointer);
  pushRest(cpu, event, gate, from);
  changeFlags(cpu, gate);
}

function pushRest(cpu: Cpu, { errorCode }: Event, { sizeBytes }: Gate, from: Interrupted): void {
  cpu.push(sizeBytes, from.flags, 0);
  cpu.push(sizeBytes, from.codeSelector, 0);
  cpu.push(sizeBytes, ...from.instruction);
  if (errorCode !== undefined) cpu.push(sizeBytes, errorCode, 0);
}

function changeFlags({ words }: Cpu, { clearsInterrupts }: Gate): void {
  const cleared = FLAG.tf | FLAG.vm | FLAG.rf | FLAG.nt | (clearsInterrupts ? FLAG.if : 0);
  words[RFLAGS] = words[RFLAGS]! & ~cleared;
}
