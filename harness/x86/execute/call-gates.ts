/** Call gates of JMP and CALL (SDM 3A §5.8.3 to §5.8.5). */
import { descriptorType, isConforming, isLong, privilegeLevel } from '../state/segment-attributes.ts';
import { CS, GENERAL, RIP, segmentWord, SELECTOR, SS } from '../state/state-layout.ts';
import {
  enterCode,
  enterNullStack,
  enterStack,
  pushReturn,
  readCodeDescriptor,
  requirePresent,
} from './code-segments.ts';
import type { Cpu } from './cpu.ts';
import { type Descriptor, indexOf, readUpperHalf } from './descriptors.ts';
import { generalProtection, VECTOR } from './guest-fault.ts';
import { ModelStop } from './stop.ts';
import { innerStack, longStack } from './task-state.ts';

const [CALL_GATE_16, TASK_GATE, CALL_GATE_32] = [4, 5, 12];
const TASK_STATES = [1, 3, 9, 11];
const [RSP, STACK, CODE] = [GENERAL + 2 * 4, segmentWord(SS), segmentWord(CS)];

interface Gate {
  readonly selector: number;
  readonly low: number;
  readonly high: number;
  readonly sizeBytes: 2 | 4 | 8;
  readonly parameters: number;
}

/** A far transfer whose selector is no segment's. @throws GuestFault, ModelStop for a task switch */
export function callGate(cpu: Cpu, descriptor: Descriptor, way: 'jump' | 'call'): void {
  const gate = readGate(cpu, descriptor);
  const code = readCodeDescriptor(cpu, gate.selector);
  const level = privilegeLevel(code.second);
  const staysOut = way === 'jump' && !isConforming(code.second) && level !== cpu.privilege;
  if (level > cpu.privilege || staysOut || (cpu.isLongMode && !isLong(code.second)))
    throw generalProtection(indexOf(gate.selector));
  requirePresent(code);
  const isInner = !isConforming(code.second) && level < cpu.privilege;
  const privilege = isInner ? level : cpu.privilege;
  if (cpu.isLongMode) return enterLong(cpu, gate, code, privilege, way === 'call');
  if (isInner) switchStack(cpu, gate, level);
  if (way === 'call') pushReturn(cpu, gate.sizeBytes);
  enterCode(cpu, code, privilege, gate);
}

function readGate(cpu: Cpu, { selector, first, second }: Descriptor): Gate {
  const type = descriptorType(second);
  const isGate = type === CALL_GATE_32 || (type === CALL_GATE_16 && !cpu.isLongMode);
  const level = privilegeLevel(second);
  if (!isGate) {
    if (!cpu.isLongMode && (TASK_STATES.includes(type) || type === TASK_GATE))
      throw new ModelStop({ kind: 'unsupported', what: 'a task switch by a far transfer' });
    throw generalProtection(indexOf(selector));
  }
  if (level < cpu.privilege || level < (selector & 3)) throw generalProtection(indexOf(selector));
  requirePresent({ selector, first, second });
  const offset = type === CALL_GATE_16 ? first & 0xffff : (second & 0xffff_0000) | (first & 0xffff);
  return {
    selector: first >>> 16,
    low: offset,
    high: cpu.isLongMode ? readUpperHalf(cpu, selector) : 0,
    sizeBytes: cpu.isLongMode ? 8 : type === CALL_GATE_32 ? 4 : 2,
    parameters: cpu.isLongMode ? 0 : second & 0x1f,
  };
}

/** Copies the parameters from the outer stack and leaves its address on the inner one. */
function switchStack(cpu: Cpu, gate: Gate, privilege: number): void {
  const { words } = cpu;
  const { sizeBytes, parameters } = gate;
  const outer = { selector: words[STACK + SELECTOR]!, low: words[RSP]!, high: words[RSP + 1]! };
  const values = Array.from({ length: parameters }, (_, index) => cpu.peek(sizeBytes, index * sizeBytes));
  const { selector, pointer } = innerStack(cpu, privilege);
  enterStack(cpu, selector, privilege, VECTOR.invalidTss);
  cpu.segmentsChanged();
  cpu.setStackPointer(pointer);
  cpu.push(sizeBytes, outer.selector, 0);
  cpu.push(sizeBytes, outer.low, outer.high);
  for (const value of values.reverse()) cpu.push(sizeBytes, value, 0);
}

/** From compatibility mode, too, so that the new code segment comes before the pushes. */
function enterLong(cpu: Cpu, gate: Gate, code: Descriptor, privilege: number, pushes: boolean): void {
  const { words } = cpu;
  const [stackSelector, codeSelector] = [words[STACK + SELECTOR]!, words[CODE + SELECTOR]!];
  const [pointer, pointerHigh, low, high] = [words[RSP]!, words[RSP + 1]!, words[RIP]!, words[RIP + 1]!];
  const isInner = privilege < cpu.privilege;
  if (isInner) {
    words[RSP] = longStack(cpu, privilege, 0);
    words[RSP + 1] = cpu.high;
    enterNullStack(cpu, privilege, privilege);
  }
  enterCode(cpu, code, privilege, gate);
  if (isInner) {
    cpu.push(8, stackSelector, 0);
    cpu.push(8, pointer, pointerHigh);
  }
  if (!pushes) return;
  cpu.push(8, codeSelector, 0);
  cpu.push(8, low, high);
}
