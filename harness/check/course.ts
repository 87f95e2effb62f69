/** From the entry to the end of one run: findings are noted, the firmware answered, and it goes on. */
import type { Sanitizer } from '../sanitizer/sanitizer.ts';
import type { CodeCache } from '../x86/execute/code-cache.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { run, step } from '../x86/execute/step.ts';
import type { StopReason, Watched } from '../x86/execute/stop.ts';
import type { Ending } from './contract.ts';
import { endlessLoop } from './endless-loop.ts';
import type { Knowledge } from './knowledge.ts';
import type { Surroundings } from './surroundings.ts';

/** Reads of memory that nobody gave give zeros, so often. */
const MOST_UNKNOWN = 64;

interface CourseSetting {
  readonly around: Surroundings;
  readonly knowledge: Knowledge;
}

export class Course {
  readonly #cpu: Cpu;
  readonly #code: CodeCache;
  readonly #singleSteps: CodeCache;
  readonly #sanitizer: Sanitizer;
  readonly #setting: CourseSetting;
  #executed = 0;
  #unknown = 0;

  constructor(
    cpu: Cpu,
    code: CodeCache,
    singleSteps: CodeCache,
    sanitizer: Sanitizer,
    setting: CourseSetting,
  ) {
    this.#cpu = cpu;
    this.#code = code;
    this.#singleSteps = singleSteps;
    this.#sanitizer = sanitizer;
    this.#setting = setting;
  }

  run(bound: number): { readonly ending: Ending; readonly executed: number } {
    let ending: Ending | undefined;
    while (!ending) ending = this.#answered(() => this.#goOn(bound));
    return { ending, executed: this.#executed };
  }

  #goOn(bound: number): Ending | undefined {
    const end = run(this.#cpu, this.#code, bound - this.#executed);
    this.#executed += end.executed;
    return this.#ending(end.reason);
  }

  #answered(action: () => Ending | undefined): Ending | undefined {
    try {
      return action();
    } catch (error) {
      const what = this.#setting.around.unanswered(error);
      if (what === undefined) throw error;
      return { kind: 'unanswered', what, linear: this.#cpu.linearInstruction };
    }
  }

  /** @returns undefined: it goes on */
  #ending(reason: StopReason): Ending | undefined {
    switch (reason.kind) {
      case 'watched':
        this.#sanitizer.stopped(reason);
        return this.#stepOver(reason);
      case 'unknown memory':
        return this.#readOfNothing(reason);
      case 'left':
        return this.#left(reason.linear);
      case 'limit':
        return { kind: 'endless', loop: endlessLoop(this.#cpu, this.#singleSteps, this.#sanitizer) };
      case 'halted':
        return this.#halted(reason);
      case 'triple fault':
      case 'unknown opcode':
      case 'unsupported':
        return { kind: 'stopped', reason, linear: this.#cpu.linearInstruction };
    }
  }

  #stepOver(stop: Watched): Ending | undefined {
    const reason = this.#sanitizer.past(stop, () => step(this.#cpu, this.#singleSteps));
    this.#executed++;
    return reason && this.#ending(reason);
  }

  #readOfNothing(reason: Extract<StopReason, { kind: 'unknown memory' }>): Ending | undefined {
    const { physical, sizeBytes } = reason;
    const { start } = this.#sanitizer.territory.loaded;
    if (!this.#setting.knowledge.looksAt?.(physical, start))
      this.#sanitizer.note('foreign-read', 'read', BigInt(physical), sizeBytes);
    if (++this.#unknown > MOST_UNKNOWN)
      return { kind: 'stopped', reason, linear: this.#cpu.linearInstruction };
    this.#cpu.physical.load(physical, new Uint8Array(sizeBytes));
    this.#cpu.memoryLoaded();
    return undefined;
  }

  #left(linear: bigint): Ending | undefined {
    const { around, knowledge } = this.#setting;
    const where = knowledge.endAt(linear);
    if (where !== undefined) return { kind: 'reached', where };
    this.#sanitizer.calledFirmware();
    const what = around.answer(this.#cpu);
    return what === undefined ? undefined : { kind: 'unanswered', what, linear };
  }

  /** With a last word it is what the image wanted; without, nobody would know why. */
  #halted(reason: StopReason): Ending {
    const { around, knowledge } = this.#setting;
    const text = around.consoleText().trim();
    if (knowledge.endsByHalting) return { kind: 'reached', where: 'HLT' };
    return text === ''
      ? { kind: 'stopped', reason, linear: this.#cpu.linearInstruction }
      : { kind: 'said', text };
  }
}
