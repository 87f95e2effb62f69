/** What the CPU was told from outside, out of the state that was recorded after the instruction that asked. */
import { GENERAL } from '../x86/state/state-layout.ts';
import type { Inputs } from '../x86/execute/inputs.ts';

const [EAX, ECX, EDX, EBX] = [GENERAL, GENERAL + 2, GENERAL + 4, GENERAL + 6];

/** The instruction asks for something that the trace has no record of. */
export class MissingInputError extends Error {
  override readonly name = 'MissingInputError';
  constructor(readonly what: string) {
    super(`${what} was not recorded as an input`);
  }
}

export class RecordedInputs implements Inputs {
  readonly #after: Int32Array;
  /** Whether the record at hand is an input. */
  isThere = false;

  /** @param after the state after the record at hand, which changes in place. */
  constructor(after: Int32Array) {
    this.#after = after;
  }

  cpuid(_leaf: number, _subleaf: number, into: Int32Array): void {
    this.#must('CPUID');
    into[0] = this.#after[EAX]!;
    into[1] = this.#after[EBX]!;
    into[2] = this.#after[ECX]!;
    into[3] = this.#after[EDX]!;
  }

  timestamp(into: Int32Array): void {
    this.#must('the time stamp');
    this.#pair(into);
  }

  readModelSpecific(_index: number, into: Int32Array): void {
    this.#must('a model-specific register');
    this.#pair(into);
  }

  writeModelSpecific(): void {
    // Nobody reads it back but through an input.
  }

  readPort(_port: number, sizeBytes: number): number {
    this.#must('a port');
    const value = this.#after[EAX]!;
    return sizeBytes === 4 ? value : value & (sizeBytes === 2 ? 0xffff : 0xff);
  }

  writePort(): void {
    // What a device does with it is seen in inputs, or not at all.
  }

  #pair(into: Int32Array): void {
    into[0] = this.#after[EAX]!;
    into[1] = this.#after[EDX]!;
  }

  #must(what: string): void {
    if (!this.isThere) throw new MissingInputError(what);
  }
}
