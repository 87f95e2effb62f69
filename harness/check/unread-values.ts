/**
 * Which values that instructions leave in registers nothing reads: followed exactly along the way that a run takes. What
 * cannot be followed, as firmware and the end of the run, reads all registers.
 */
import { generalRegister } from '../x86/execute/registers.ts';
import { GENERAL } from '../x86/state/state-layout.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import type { Usage } from '../x86/usage.ts';

const REGISTERS = 16;
/** The status flags, as one more register. */
export const FLAGS = 16;
const VALUES = 17;

/** What one instruction does to registers, by their numbers in the order of encoding, and to {@link FLAGS}. */
export interface RegisterUse {
  readonly bitness: Bitness;
  /** In part or whole; of registers that are replaced in part the rest is read. */
  readonly reads: readonly number[];
  /** Replaced as a whole, as far as code of this bitness can see them. */
  readonly replaces: readonly number[];
}

/** Of one place in the code, all executions together: a bit for each register whose value from there was read. */
export interface Writer {
  readonly use: RegisterUse;
  readBits: number;
}

/** @param usage undefined: nothing is known of it, so that it reads all. */
export function registerUse(usage: Usage | undefined, bitness: Bitness): RegisterUse {
  if (!usage) return { bitness, reads: Array.from({ length: VALUES }, (_, index) => index), replaces: [] };
  const { flags } = usage;
  const reads = new Set<number>(flags.reads || (flags.writes && !flags.replaces) ? [FLAGS] : []);
  const replaces = new Set<number>(flags.replaces ? [FLAGS] : []);
  for (const used of usage.registers) {
    const part = generalRegister(used.register);
    const index = part ? (part.word - GENERAL) / 2 : REGISTERS;
    if (!part || index >= REGISTERS) continue;
    const isWhole = used.writes && !used.isConditional && part.size >= 4;
    if (used.reads || !isWhole) reads.add(index);
    if (isWhole) replaces.add(index);
  }
  return { bitness, reads: [...reads], replaces: [...replaces] };
}

export class UnreadValues {
  readonly #writers: (Writer | undefined)[] = new Array<undefined>(VALUES).fill(undefined);

  /** In the order of execution. */
  executed(by: Writer): void {
    const { reads, replaces, bitness } = by.use;
    for (const index of reads) this.#read(index);
    for (const index of replaces) {
      // 32-bit code leaves the upper half that 64-bit code has written.
      if (index !== FLAGS && bitness !== 64 && this.#writers[index]?.use.bitness === 64) this.#read(index);
      this.#writers[index] = by;
    }
  }

  /** By who cannot be followed. */
  allRead(): void {
    for (let index = 0; index < VALUES; index++) this.#read(index);
  }

  #read(index: number): void {
    const writer = this.#writers[index];
    if (writer) writer.readBits |= 1 << index;
  }
}
