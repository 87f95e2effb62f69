/**
 * Comparisons of two registers, one of which has an address of the image as it is loaded, the other one of where it was linked: a
 * loop whose end forgot the base never ends where it should.
 */
import type { ExecutableInstruction } from '../x86/instruction.ts';
import { subtract } from '../x86/execute/arithmetic.ts';
import type { Bitness, Cpu } from '../x86/execute/cpu.ts';
import type { Operation } from '../x86/execute/operation.ts';
import { generalRegister } from '../x86/execute/registers.ts';
import { GENERAL } from '../x86/state/state-layout.ts';
import type { Sanitizer } from './sanitizer.ts';
import type { SanitizerSlot } from './sanitizer-slot.ts';

/** The low words of two registers of 4 or 8 bytes. */
export interface ComparedRegisters {
  readonly first: number;
  readonly second: number;
  readonly sizeBytes: 4 | 8;
}

/** @returns undefined for any other instruction */
export function comparedRegisters(
  { mnemonic, operands: [first, second] }: ExecutableInstruction,
  bitness: Bitness,
): ComparedRegisters | undefined {
  if (mnemonic !== 'cmp' || bitness === 16) return undefined;
  if (first?.kind !== 'register' || second?.kind !== 'register') return undefined;
  const [a, b] = [generalRegister(first.register), generalRegister(second.register)];
  if (!a || !b || (a.size !== 4 && a.size !== 8)) return undefined;
  return { first: a.word, second: b.word, sizeBytes: a.size };
}

export function watchedComparison(
  slot: SanitizerSlot,
  operation: Operation,
  compared: ComparedRegisters,
): Operation {
  const { first, second } = compared;
  if (compared.sizeBytes === 4) return watchedComparison32(slot, compared);
  return (cpu) => {
    const sanitizer = slot.current;
    if (sanitizer !== undefined) {
      const { words } = cpu;
      const { linkStart, linkBytes } = sanitizer;
      if ((words[first]! - linkStart) >>> 0 < linkBytes !== (words[second]! - linkStart) >>> 0 < linkBytes)
        tell(cpu, sanitizer, compared);
    }
    operation(cpu);
  };
}

/** Loops spend their time in it: the comparison is done here, without a call of its operation. */
function watchedComparison32(slot: SanitizerSlot, compared: ComparedRegisters): Operation {
  const { first, second } = compared;
  return (cpu) => {
    const { words } = cpu;
    const [a, b] = [words[first]!, words[second]!];
    const sanitizer = slot.current;
    if (sanitizer !== undefined) {
      const { linkStart, linkBytes } = sanitizer;
      if ((a - linkStart) >>> 0 < linkBytes !== (b - linkStart) >>> 0 < linkBytes)
        tell(cpu, sanitizer, compared);
    }
    subtract(words, a, b, 0);
  };
}

function tell(cpu: Cpu, sanitizer: Sanitizer, compared: ComparedRegisters): void {
  const suspect = suspectOf(cpu, sanitizer, compared);
  if (suspect !== undefined) sanitizer.compared(cpu.words[suspect]!, compared.sizeBytes);
}

/** @returns the register with the link-time address, where the other one has an address of the loaded image */
export function suspectOf(
  { words }: Cpu,
  { territory }: Pick<Sanitizer, 'territory'>,
  { first, second, sizeBytes }: ComparedRegisters,
): number | undefined {
  if (sizeBytes === 8 && (words[first + 1] !== 0 || words[second + 1] !== 0)) return undefined;
  const { linkTime, loaded } = territory;
  const isIn = (range: typeof loaded, word: number) =>
    words[word]! >>> 0 >= range.start && words[word]! >>> 0 < range.end;
  const isStray = (word: number) => isIn(linkTime, word) && !isIn(loaded, word);
  if (isStray(first) && isIn(loaded, second)) return first;
  return isStray(second) && isIn(loaded, first) ? second : undefined;
}

/** In the order of their encoding. */
export function indexOfRegister(word: number): number {
  return (word - GENERAL) / 2;
}
