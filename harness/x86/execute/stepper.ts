/**
 * One instruction after the other, with a look at the state between any two: what is executed lies in blocks, and where the
 * last one has simply gone on to the next, nothing is looked for.
 */
import { RIP } from '../state/state-layout.ts';
import { type Block, type CodeCache, versionOf } from './code-cache.ts';
import type { Cpu } from './cpu.ts';
import type { ExecutableInstruction } from '../instruction.ts';
import { advance, handled, retreat } from './step.ts';
import type { StopReason } from './stop.ts';

export class Stepper {
  /** Whether the last step may have changed more than general registers, the instruction pointer and arithmetic flags. */
  touchedSystem = false;
  readonly #cpu: Cpu;
  readonly #code: CodeCache;
  #block: Block | undefined;
  /** Of the next instruction, where control simply goes on. */
  #index = 0;
  #low = 0;
  #high = 0;
  #changes = 0;

  constructor(cpu: Cpu, code: CodeCache) {
    this.#cpu = cpu;
    this.#code = code;
  }

  /** As `step` of step.ts. */
  step(): StopReason | undefined {
    const cpu = this.#cpu;
    const { words } = cpu;
    let length = 0;
    try {
      const block = this.#here();
      const index = this.#index++;
      length = block.lengths[index]!;
      advance(words, length);
      this.#low = words[RIP]!;
      this.#high = words[RIP + 1]!;
      this.touchedSystem = this.#index === block.lengths.length;
      block.operations[index]!(cpu);
      return undefined;
    } catch (thrown) {
      if (length !== 0) retreat(words, length);
      this.#block = undefined;
      this.touchedSystem = true;
      return handled(cpu, thrown);
    }
  }

  /** What {@link step} would execute. @throws GuestFault, ModelStop where it would not come so far */
  next(): ExecutableInstruction {
    return this.#here().instructions[this.#index]!.instruction;
  }

  #here(): Block {
    const cpu = this.#cpu;
    const { words } = cpu;
    const block = this.#block;
    if (
      block !== undefined &&
      this.#index < block.lengths.length &&
      words[RIP] === this.#low &&
      words[RIP + 1] === this.#high &&
      this.#changes === cpu.changes &&
      block.version === versionOf(cpu)
    )
      return block;
    const found = this.#code.block(cpu);
    this.#block = found;
    this.#index = 0;
    this.#low = words[RIP]!;
    this.#high = words[RIP + 1]!;
    this.#changes = cpu.changes;
    return found;
  }
}
