/** Delivery of exceptions and software interrupts, double and triple faults (SDM 3A §6.12 to §6.15, 3B §20.1.4). */
import { FLAG, readFlags } from '../state/flags.ts';
import { CS, IDTR, RFLAGS, RIP, segmentWord, SELECTOR } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { tableAddress } from './descriptors.ts';
import { enterReal } from './far-transfers.ts';
import { generalProtection, GuestFault, VECTOR } from './guest-fault.ts';
import { type Event, throughGate } from './interrupt-gates.ts';
import { ModelStop } from './stop.ts';
import { undoing } from './undo.ts';

/** Those that make a double fault of another one of them (SDM 3A table 6-5). */
const CONTRIBUTORY: readonly number[] = [
  ...[VECTOR.divide, VECTOR.invalidTss, VECTOR.segmentNotPresent, VECTOR.stack, VECTOR.generalProtection],
];
/** Their error code has a bit that says the fault came up while an event from outside the program was delivered. */
const EXTERNAL = 1;

/**
 * Delivers a fault; the instruction pointer is at the instruction that raised it. What the delivery itself raises is
 * delivered in its place or becomes a double fault.
 * @throws ModelStop on a triple fault, with the first fault of the chain
 */
export function deliver(cpu: Cpu, fault: GuestFault): void {
  for (let current = fault; ;) {
    const { vector, errorCode } = current;
    const second = tryToEnter(cpu, { vector, errorCode, isSoftware: false, isFault: true });
    if (!second) return;
    if (vector === VECTOR.doubleFault)
      throw new ModelStop({ kind: 'triple fault', vector: fault.vector, errorCode: fault.errorCode });
    current = isDouble(vector, second.vector) ? new GuestFault(VECTOR.doubleFault, 0) : second;
  }
}

/** INT n, INT3, INTO and INT1; the instruction pointer is behind the instruction. @throws GuestFault to be delivered */
export function interrupt(cpu: Cpu, vector: number, isSoftware = true): void {
  undoing(cpu, () => enter(cpu, { vector, errorCode: undefined, isSoftware, isFault: false }));
}

function tryToEnter(cpu: Cpu, event: Event): GuestFault | undefined {
  try {
    undoing(cpu, () => enter(cpu, event));
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof GuestFault)) throw thrown;
    const { vector, errorCode } = thrown;
    if (vector === VECTOR.page || errorCode === undefined) return thrown;
    return new GuestFault(vector, errorCode | EXTERNAL);
  }
}

function isDouble(first: number, second: number): boolean {
  if (first === VECTOR.page) return second === VECTOR.page || CONTRIBUTORY.includes(second);
  return CONTRIBUTORY.includes(first) && CONTRIBUTORY.includes(second);
}

function enter(cpu: Cpu, event: Event): void {
  if ((cpu.words[RFLAGS]! & FLAG.vm) !== 0)
    throw new ModelStop({ kind: 'unsupported', what: `interrupt ${event.vector} in virtual-8086 mode` });
  if (cpu.isProtected) throughGate(cpu, event);
  else throughVector(cpu, event.vector);
}

/** Real mode: a table of far pointers; no error codes. */
function throughVector(cpu: Cpu, vector: number): void {
  const { words, memory } = cpu;
  if (vector * 4 + 3 > words[IDTR + 2]! >>> 0) throw generalProtection(vector * 8 + 2);
  const pointer = memory.read32(tableAddress(cpu, IDTR, vector * 4), 0);
  const flags = readFlags(words);
  const [selector, offset] = [words[segmentWord(CS) + SELECTOR]!, words[RIP]!];
  for (const value of [flags, selector, offset]) cpu.push(2, value);
  enterReal(cpu, pointer >>> 16, pointer & 0xffff);
  words[RFLAGS] = flags & ~(FLAG.if | FLAG.tf | FLAG.ac | FLAG.rf);
}
