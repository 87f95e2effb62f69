/** Replays a trace in the model and compares every step. */
import {
  DIGEST,
  END,
  EXCURSION,
  INPUT,
  isStepKind,
  MEMORY,
  type RecordKind,
  REPEAT,
} from '../trace/record.ts';
import type { Finding } from '../sanitizer/finding.ts';
import { Sanitizer } from '../sanitizer/sanitizer.ts';
import type { Territory } from '../sanitizer/territory.ts';
import type { SanitizerSlot } from '../sanitizer/sanitizer-slot.ts';
import type { StepCursor } from '../trace/step-cursor.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import { CodeCache } from '../x86/execute/code-cache.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import { type Bitness, Cpu } from '../x86/execute/cpu.ts';
import { Stepper } from '../x86/execute/stepper.ts';
import { ModelStop, type StopReason } from '../x86/execute/stop.ts';
import { agrees, agreesInGeneral, compareMemory, differences, type Executed } from './comparison.ts';
import type { Disagreement, Divergence } from './divergence.ts';
import { History } from './history.ts';
import { isInside } from './inside.ts';
import { habitsOf, memoryWithImage } from './loaded-memory.ts';
import { MissingInputError, RecordedInputs } from './recorded-inputs.ts';

export interface ReplayOptions {
  /** At most so many steps. */
  readonly limit?: number;
  /** Told now and then how many steps are done. */
  readonly onProgress?: (steps: number) => void;
}

/** Rules that judge the boot while it is replayed. */
export interface SanitizedReplay {
  readonly slot: SanitizerSlot;
  /** Whose memory is whose; asked once, at the entry. */
  readonly territory: (cpu: Cpu) => Territory;
}

/** What executes the instructions, one at a time. */
export interface Steps extends Pick<Stepper, 'step' | 'touchedSystem'> {
  /** To be told of what was written from outside. @param physical address */
  outsideWrote?(physical: number, sizeBytes: number): void;
}

export interface ReplayEnd {
  /** Records that agreed. */
  readonly steps: number;
  /** The same as the machine counts: each iteration of a repeated string instruction. */
  readonly guestSteps: number;
  /** Undefined: all that was compared agrees. */
  readonly divergence: Divergence | undefined;
}

/** Steps between two reports of progress. */
const PROGRESS_STEPS = 1 << 16;

export class Replay {
  readonly cpu: Cpu;
  readonly #cursor: StepCursor;
  readonly #store: CodeStore;
  readonly #stepper: Steps;
  readonly #inputs: RecordedInputs;
  readonly #history = new History();
  readonly #trace: TraceReader;
  readonly #sanitizer: Sanitizer | undefined;
  #steps = 0;
  #guestSteps = 0;

  /**
   * @param image the image file's bytes, which must be those that the trace's header names
   * @param store with `sanitized`, one that is decorated with watchedOperations of the same slot
   * @param stepsOf asked once, at the entry, with the image loaded
   * @throws TraceError where there is not even an initial state
   */
  constructor(
    trace: TraceReader,
    image: Uint8Array,
    store: CodeStore,
    sanitized?: SanitizedReplay,
    stepsOf: (cpu: Cpu, code: CodeCache) => Steps = (cpu, code) => new Stepper(cpu, code),
  ) {
    this.#trace = trace;
    this.#cursor = trace.cursor();
    this.#inputs = new RecordedInputs(this.#cursor.words);
    this.cpu = new Cpu(memoryWithImage(trace.header, image), this.#inputs, habitsOf(trace.header));
    this.cpu.load(this.#cursor.words);
    this.#store = store;
    this.#stepper = stepsOf(this.cpu, new CodeCache(store));
    this.#sanitizer = sanitized && new Sanitizer(this.cpu, sanitized.territory(this.cpu));
    if (sanitized) sanitized.slot.current = this.#sanitizer;
  }

  /** What the rules found so far; none without a sanitizer. */
  get findings(): readonly Finding[] {
    return this.#sanitizer?.findings ?? [];
  }

  /** How far it came, whether it returned or threw. */
  get progress(): Pick<ReplayEnd, 'steps' | 'guestSteps'> {
    return { steps: this.#steps, guestSteps: this.#guestSteps };
  }

  /**
   * To the end of the trace, or to the first divergence.
   * @throws TraceError where the trace is damaged; all before that agrees.
   */
  run({ limit = Infinity, onProgress }: ReplayOptions = {}): ReplayEnd {
    for (;;) {
      const upTo = Math.min(limit, this.#steps + PROGRESS_STEPS);
      const end = this.#runUpTo(upTo);
      if (end !== 'more') return { ...this.progress, divergence: end };
      if (this.#steps >= limit) return { ...this.progress, divergence: undefined };
      onProgress?.(this.#steps);
    }
  }

  /**
   * Executes what the trace ends before, for the rules to look at: an instruction that the machine died of is not recorded.
   * To be called at the end of a trace that agrees.
   */
  stepBeyond(): void {
    this.#step(false);
  }

  #runUpTo(limit: number): Divergence | 'more' | undefined {
    const cursor = this.#cursor;
    while (this.#steps < limit) {
      const kind = cursor.next();
      if (kind === END) return undefined;
      const disagreement = this.#apply(kind);
      if (disagreement) return this.#diverged(disagreement, isStepKind(kind));
      this.#steps = cursor.step;
      this.#guestSteps = cursor.guestStep;
    }
    return 'more';
  }

  #apply(kind: RecordKind): Disagreement | undefined {
    if (kind === MEMORY) return this.#loadMemory();
    if (kind === DIGEST) return compareMemory(this.cpu.physical, this.#cursor.digests);
    if (kind === EXCURSION) return this.#excursion();
    const { bitness } = this.cpu;
    const stopped = this.#step(kind === INPUT);
    if (stopped) return { kind: 'stopped', reason: stopped };
    if (kind === REPEAT && this.cpu.iterations !== this.#cursor.iterations)
      return { kind: 'iterations', expected: this.#cursor.iterations, actual: this.cpu.iterations };
    return this.#compare(bitness);
  }

  /** What is hostile may name more pages than any machine should give. */
  #loadMemory(): Disagreement | undefined {
    const { memory, memoryCause } = this.#cursor;
    try {
      for (const { address, bytes } of memory) {
        this.cpu.physical.load(address, bytes);
        if (memoryCause === 'written') this.#stepper.outsideWrote?.(address, bytes.length);
      }
      this.cpu.memoryLoaded();
      return undefined;
    } catch (stop) {
      if (stop instanceof ModelStop) return { kind: 'stopped', reason: stop.reason };
      throw stop;
    }
  }

  #step(hasInput: boolean): StopReason | undefined {
    this.#history.note(this.cpu);
    this.#inputs.isThere = hasInput;
    try {
      return this.#watchedStep();
    } catch (error) {
      if (!(error instanceof MissingInputError)) throw error;
      return { kind: 'unsupported', what: error.message };
    }
  }

  /** What somebody watches is noted, and done. */
  #watchedStep(): StopReason | undefined {
    const sanitizer = this.#sanitizer;
    const reason = this.#stepper.step();
    if (reason?.kind !== 'watched' || !sanitizer) return reason;
    sanitizer.stopped(reason);
    return sanitizer.past(reason, () => this.#watchedStep());
  }

  /** The instruction that leaves is executed; what follows outside is taken from the trace. */
  #excursion(): Disagreement | undefined {
    const { cpu } = this;
    const stopped = this.#step(false);
    if (stopped) return { kind: 'stopped', reason: stopped };
    const { linearInstruction: linear } = cpu;
    if (isInside(this.#trace.header.inside, linear)) return { kind: 'stayed', linear };
    this.#sanitizer?.calledFirmware();
    cpu.resume(this.#cursor.words);
    return undefined;
  }

  #compare(bitnessBefore: Bitness): Disagreement | undefined {
    const { cpu } = this;
    const { words: recorded, systemChanged } = this.#cursor;
    if (!systemChanged && !this.#stepper.touchedSystem && agreesInGeneral(cpu, recorded)) return undefined;
    if (agrees(cpu, recorded, bitnessBefore, () => this.#executed())) return undefined;
    return { kind: 'state', fields: differences(cpu.words, recorded) };
  }

  #executed(): Executed | undefined {
    const { bytes, bitness } = this.#history.last(this.cpu, this.#steps + 1);
    const instruction = this.#store.compile(bytes, bitness)?.instruction;
    return instruction && { instruction, before: this.#history.before };
  }

  /** @param inStep whether it was found by executing; else memory was compared between two steps */
  #diverged(disagreement: Disagreement, inStep: boolean): Divergence {
    const step = this.#steps + (inStep ? 1 : 0);
    const history = this.#history;
    if (history.isEmpty) history.note(this.cpu);
    return { at: history.last(this.cpu, step), disagreement, before: history.earlier(this.cpu, step) };
  }
}
