/**
 * What rules say of values rather than of places: stores of pointers, comparisons, loads of tables and segments, indirect transfers. An
 * instruction of these kinds is looked at when it is executed; all others are left as they are.
 */
import type { ExecutableInstruction, Operand } from '../x86/instruction.ts';
import type { Decorate } from '../x86/execute/code-store.ts';
import type { Bitness, Cpu } from '../x86/execute/cpu.ts';
import type { Operation } from '../x86/execute/operation.ts';
import { readerOf } from '../x86/execute/places.ts';
import { RIP } from '../x86/state/state-layout.ts';
import type { SanitizerSlot } from './sanitizer-slot.ts';
import { checkTables } from './table-check.ts';
import { comparedRegisters, watchedComparison } from './watched-comparison.ts';

export function watchedOperations(slot: SanitizerSlot): Decorate {
  return (instruction, operation, bitness) => {
    const stored = storedValue(instruction, bitness);
    if (stored) return watchedStore(slot, operation, stored.read, stored.sizeBytes);
    const compared = comparedRegisters(instruction, bitness);
    if (compared) return watchedComparison(slot, operation, compared);
    if (loadsTables(instruction)) return watchedLoad(slot, operation, instruction.length);
    return isIndirect(instruction) ? watchedTransfer(slot, operation, instruction.length) : operation;
  };
}

/** A value that is about to be stored in 4 or 8 bytes. */
export interface StoredValue {
  readonly read: (cpu: Cpu) => number;
  readonly sizeBytes: 4 | 8;
}

/** Of plain stores; what is computed in memory was a pointer before. */
export function storedValue(
  { mnemonic, operands, stackGrowth }: ExecutableInstruction,
  bitness: Bitness,
): StoredValue | undefined {
  if (bitness === 16) return undefined;
  const [first, second] = operands;
  const isPush = mnemonic === 'push';
  const sizeBytes = isPush ? -stackGrowth : first?.kind === 'memory' ? first.sizeBytes : 0;
  const source = isPush ? first : STORES.has(mnemonic) ? second : undefined;
  if ((sizeBytes !== 4 && sizeBytes !== 8) || !source || isSegment(source)) return undefined;
  const read = readerOf(source, bitness);
  return read && { read, sizeBytes };
}

/** `stosd` and `stosq`: their second operand is the accumulator. */
const STORES = new Set(['mov', 'xchg', 'stosd', 'stosq']);

function watchedStore(
  slot: SanitizerSlot,
  operation: Operation,
  read: (cpu: Cpu) => number,
  sizeBytes: 4 | 8,
): Operation {
  return (cpu) => {
    const sanitizer = slot.current;
    if (sanitizer !== undefined) {
      const low = read(cpu);
      if ((low - sanitizer.linkStart) >>> 0 < sanitizer.linkBytes && (sizeBytes === 4 || cpu.high === 0))
        sanitizer.pointer(low, sizeBytes);
    }
    operation(cpu);
  };
}

/** Tables, segments, and what paging begins with; they end blocks, so the instruction pointer is behind them. */
function watchedLoad(slot: SanitizerSlot, operation: Operation, length: number): Operation {
  return (cpu) => {
    const at = cpu.linearInstruction - BigInt(length);
    operation(cpu);
    if (slot.current) checkTables(cpu, slot.current, at);
  };
}

function watchedTransfer(slot: SanitizerSlot, operation: Operation, length: number): Operation {
  return (cpu) => {
    const { words } = cpu;
    const [low, high] = [words[RIP]!, words[RIP + 1]!];
    operation(cpu);
    const sanitizer = slot.current;
    if (sanitizer !== undefined && (words[RIP]! - sanitizer.linkStart) >>> 0 < sanitizer.linkBytes)
      sanitizer.transferred(low, high, length);
  };
}

const TABLES = /^(lgdt|lidt|lldt|ltr|lds|les|lfs|lgs|lss|retf|iretd|iretq|iret)$/;

function loadsTables({ mnemonic, operands, flow }: ExecutableInstruction): boolean {
  if (TABLES.test(mnemonic)) return true;
  const [first] = operands;
  if (first?.kind === 'far' || (first?.kind === 'memory' && isFarTransfer(mnemonic, flow, first.sizeBytes)))
    return true;
  return (mnemonic === 'mov' || mnemonic === 'pop') && first?.kind === 'register' && isSystem(first.register);
}

/** `m16:16`, `m16:32`, `m16:64` */
function isFarTransfer(mnemonic: string, flow: string, sizeBytes: number): boolean {
  return (flow === 'jump' || flow === 'call') && /^(jmp|call)$/.test(mnemonic) && [6, 10].includes(sizeBytes);
}

function isIndirect({ mnemonic, operands: [first] }: ExecutableInstruction): boolean {
  if (mnemonic === 'ret') return true;
  return (mnemonic === 'jmp' || mnemonic === 'call') && first !== undefined && first.kind !== 'branch';
}

const isSystem = (register: string): boolean => /^([c-gs]s|cr[034])$/.test(register);
const isSegment = (operand: Operand): boolean =>
  operand.kind === 'register' && /^[c-gs]s$/.test(operand.register);
