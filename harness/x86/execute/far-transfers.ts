/** JMP, CALL and RET to another code segment (SDM 1 §6.4, 3A §5.8, 2A, 2B). */
import { isConforming, isNotSystem, privilegeLevel } from '../state/segment-attributes.ts';
import {
  ATTRIBUTES,
  CS,
  DS,
  ES,
  FS,
  GENERAL,
  GS,
  LIMIT,
  RIP,
  segmentWord,
  SELECTOR,
} from '../state/state-layout.ts';
import { callGate } from './call-gates.ts';
import {
  enterCode,
  enterNullStack,
  enterStack,
  pushReturn,
  readCodeDescriptor,
  requireCode,
  requirePresent,
  requireReachable,
  type Target,
} from './code-segments.ts';
import type { Cpu } from './cpu.ts';
import { indexOf, isNull, readDescriptor, setNullSegment, setRealSegment } from './descriptors.ts';
import { generalProtection, VECTOR } from './guest-fault.ts';
import type { Build, Family } from './operation.ts';
import { type FarPointer, farPointerReader } from './segments.ts';
import { undoing } from './undo.ts';
import type { ExecutableInstruction } from '../instruction.ts';

const PRESENT_BIT = 1 << 15;
const [RSP, CODE] = [GENERAL + 2 * 4, segmentWord(CS)];

/** `Jmp_ptr1632`, `Call_m1664`: 16 bits of selector, then the offset's. */
function offsetBytes(code: string): 2 | 4 | 8 | undefined {
  const bits = /_(?:ptr|m)16(16|32|64)$/.exec(code)?.[1];
  return bits === undefined ? undefined : ((Number(bits) / 8) as 2 | 4 | 8);
}

function pointerReader(
  { operands: [operand] }: ExecutableInstruction,
  bitness: 16 | 32 | 64,
): ((cpu: Cpu) => FarPointer) | undefined {
  if (operand?.kind !== 'far') return farPointerReader(operand, bitness);
  const pointer = { offset: Number(operand.offset) | 0, offsetHigh: 0, selector: operand.selector };
  return () => pointer;
}

const far =
  (transfer: (cpu: Cpu, pointer: FarPointer, sizeBytes: number) => void): Build =>
  (instruction, { bitness }) => {
    const sizeBytes = offsetBytes(instruction.code);
    const read = sizeBytes === undefined ? undefined : pointerReader(instruction, bitness);
    if (sizeBytes === undefined || !read) return undefined;
    return (cpu) => {
      const pointer = read(cpu);
      undoing(cpu, () => transfer(cpu, pointer, sizeBytes));
    };
  };

/** Real and virtual-8086 mode. @throws GuestFault: #GP(0) beyond CS's limit, which stays as it is. */
export function enterReal(cpu: Cpu, selector: number, offset: number): void {
  const { words } = cpu;
  if (offset >>> 0 > words[CODE + LIMIT]! >>> 0) throw generalProtection();
  setRealSegment(cpu, CS, selector);
  words[RIP] = offset;
  words[RIP + 1] = 0;
  cpu.segmentsChanged();
}

const targetOf = ({ offset, offsetHigh }: FarPointer): Target => ({ low: offset, high: offsetHigh });

function jump(cpu: Cpu, pointer: FarPointer): void {
  const { selector, offset } = pointer;
  if (!cpu.isProtected) return enterReal(cpu, selector, offset);
  if (isNull(selector)) throw generalProtection();
  const descriptor = readDescriptor(cpu, selector);
  if (!isNotSystem(descriptor.second)) return callGate(cpu, descriptor, 'jump');
  requireCode(cpu, descriptor);
  requireReachable(cpu, descriptor);
  enterCode(cpu, descriptor, cpu.privilege, targetOf(pointer));
}

function call(cpu: Cpu, pointer: FarPointer, sizeBytes: number): void {
  const { selector, offset } = pointer;
  if (!cpu.isProtected) {
    pushReturn(cpu, sizeBytes);
    return enterReal(cpu, selector, offset);
  }
  if (isNull(selector)) throw generalProtection();
  const descriptor = readDescriptor(cpu, selector);
  if (!isNotSystem(descriptor.second)) return callGate(cpu, descriptor, 'call');
  requireCode(cpu, descriptor);
  requireReachable(cpu, descriptor);
  pushReturn(cpu, sizeBytes);
  enterCode(cpu, descriptor, cpu.privilege, targetOf(pointer));
}

/** What RETF and IRET find on the stack. */
export interface ReturnFrame extends Target {
  readonly selector: number;
  /** Bytes from the top of the stack to the outer stack pointer and SS, where there are any. */
  readonly stackAt: number;
  readonly sizeBytes: number;
}

/**
 * Loads CS, and SS with the stack pointer where the frame has them; drops the frame.
 * @param hasStack whether the frame has SS even where privilege stays
 * @param moreBytes that RETF drops on either stack
 * @throws GuestFault
 */
export function returnProtected(cpu: Cpu, frame: ReturnFrame, hasStack: boolean, moreBytes: number): void {
  const { selector, sizeBytes, stackAt } = frame;
  const [before, level] = [cpu.privilege, selector & 3];
  const descriptor = readCodeDescriptor(cpu, selector);
  const codeLevel = privilegeLevel(descriptor.second);
  const isAllowed =
    level >= before && (isConforming(descriptor.second) ? codeLevel <= level : codeLevel === level);
  if (!isAllowed) throw generalProtection(indexOf(selector));
  requirePresent(descriptor);
  if (level === before && !hasStack) {
    cpu.drop(stackAt);
    return enterCode(cpu, descriptor, level, frame);
  }
  const low = cpu.peek(sizeBytes, stackAt);
  const high = cpu.high;
  const stackSelector = cpu.peek(sizeBytes, stackAt + sizeBytes) & 0xffff;
  enterCode(cpu, descriptor, level, frame);
  if (isNull(stackSelector) && cpu.bitness === 64 && level !== 3) enterNullStack(cpu, stackSelector, level);
  else enterStack(cpu, stackSelector, level, VECTOR.generalProtection);
  cpu.segmentsChanged();
  setPointer(cpu, low, high);
  cpu.drop(moreBytes);
  if (level !== before) dropInnerSegments(cpu, level);
}

function setPointer(cpu: Cpu, low: number, high: number): void {
  const { words } = cpu;
  if (cpu.stackBytes !== 8) return cpu.setStackPointer(low);
  words[RSP] = low;
  words[RSP + 1] = high;
}

/** Data segments that the outer level may not see become null (SDM 3A §5.8.6). */
function dropInnerSegments(cpu: Cpu, privilege: number): void {
  for (const segment of [ES, DS, FS, GS]) {
    const attributes = cpu.words[segmentWord(segment) + ATTRIBUTES]!;
    const isFree = isNull(cpu.words[segmentWord(segment) + SELECTOR]!);
    if (isFree || isConforming(attributes) || privilegeLevel(attributes) >= privilege) continue;
    if (cpu.habits.clearsDroppedSegments) setNullSegment(cpu, segment, 0);
    else setAbsent(cpu, segment);
  }
  cpu.segmentsChanged();
}

function setAbsent({ words }: Cpu, segment: number): void {
  const word = segmentWord(segment);
  words[word + SELECTOR] = 0;
  words[word + ATTRIBUTES] = words[word + ATTRIBUTES]! & ~PRESENT_BIT;
}

const returnFar: Build = ({ operands: [extra], code }) => {
  const sizeBytes = code.startsWith('Retfw') ? 2 : code.startsWith('Retfd') ? 4 : 8;
  const moreBytes = extra?.kind === 'immediate' ? Number(extra.value) : 0;
  return (cpu) =>
    undoing(cpu, () => {
      const low = cpu.peek(sizeBytes);
      const high = cpu.high;
      const selector = cpu.peek(sizeBytes, sizeBytes) & 0xffff;
      const stackAt = 2 * sizeBytes + moreBytes;
      if (cpu.isProtected)
        return returnProtected(cpu, { low, high, selector, stackAt, sizeBytes }, false, moreBytes);
      cpu.drop(stackAt);
      enterReal(cpu, selector, low);
    });
};

export const FAR_TRANSFER_FAMILY: Family = { jmp: far(jump), call: far(call), retf: returnFar };
