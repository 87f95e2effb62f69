/**
 * The model runs alongside a capture: it says which bytes of memory early boot reads, so that only these are recorded. What
 * is written to the trace is the machine's word throughout; where the model parts from it, that is told, and the model goes
 * on from the machine's state.
 */
import type { SharedRam } from '../guest/guest-view.ts';
import { agrees, differences, type Executed } from '../replay/comparison.ts';
import type { FieldDifference } from '../replay/divergence.ts';
import { takesInput } from '../replay/input-instructions.ts';
import { MissingInputError, RecordedInputs } from '../replay/recorded-inputs.ts';
import type { TraceWriter } from '../trace/trace-writer.ts';
import { CodeCache } from '../x86/execute/code-cache.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import { type Bitness, Cpu } from '../x86/execute/cpu.ts';
import type { Habits } from '../x86/execute/habits.ts';
import { Stepper } from '../x86/execute/stepper.ts';
import { GuestFault } from '../x86/execute/guest-fault.ts';
import { ModelStop, type StopReason } from '../x86/execute/stop.ts';
import type { ExecutableInstruction } from '../x86/instruction.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { FLAG } from '../x86/state/flags.ts';
import { RFLAGS, STATE_WORDS } from '../x86/state/state-layout.ts';
import { compareWithReal, returnedFrom, stackAddress } from './followed-memory.ts';
import { LivePages, type Pages } from './live-pages.ts';
import { unknownRuns } from './memory-lines.ts';
import { PageStretches } from './page-stretches.ts';
import type { States } from './state-buffer.ts';

/** Where the model did not do what the machine did. */
export type ModelNote =
  | {
      readonly kind: 'state';
      readonly step: number;
      readonly linear: bigint;
      readonly fields: readonly FieldDifference[];
    }
  | { readonly kind: 'stopped'; readonly step: number; readonly linear: bigint; readonly reason: StopReason }
  /** Memory that the model knows holds something else in the machine. */
  | { readonly kind: 'memory'; readonly step: number; readonly address: number; readonly sizeBytes: number };

const ALL_KNOWN = new Uint8Array(PAGE_BYTES).fill(1);

export interface FollowerOptions {
  readonly writer: TraceWriter;
  readonly store: CodeStore;
  /** The image as loaded. */
  readonly memory: PhysicalMemory;
  /** The state at the entry. */
  readonly initial: Int32Array;
  /** All RAM that was ever touched, at the entry. */
  readonly entryPages: Pages;
  readonly ram: SharedRam;
  /** Whose CPU it is. */
  readonly habits: Habits;
  readonly onNote: (note: ModelNote) => void;
}

type Needed = Extract<StopReason, { kind: 'unknown memory' }>;

export class Follower {
  readonly cpu: Cpu;
  readonly #options: FollowerOptions;
  readonly #stepper: Stepper;
  readonly #after: Int32Array = new Int32Array(STATE_WORDS);
  readonly #inputs = new RecordedInputs(this.#after);
  readonly #stretches: PageStretches;
  /** Real memory where the segment began: in buffers of its own, as it must outlive what is read at its end. */
  #start: Pages;
  readonly #atReturns: LivePages;
  readonly #atStops: LivePages;
  /** The highest stack address while interrupts could come, in this segment. */
  #stackTop: number | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.cpu = new Cpu(options.memory, this.#inputs, options.habits);
    this.cpu.load(options.initial);
    this.#stepper = new Stepper(this.cpu, new CodeCache(options.store));
    this.#stretches = new PageStretches(options.memory);
    this.#start = options.entryPages;
    this.#atReturns = new LivePages(options.ram);
    this.#atStops = new LivePages(options.ram);
  }

  /**
   * What ran inside, without a stop between. The machine is stopped behind it.
   * @param states from the first instruction's own to the one that leaves, or the last.
   * @param leaves whether the instruction at the last state goes outside: it is executed, and nothing is recorded of it.
   */
  async segment(states: States, leaves: boolean): Promise<void> {
    this.#stackTop = undefined;
    for (let index = 1; index < states.count;) {
      const stopped = this.#instruction(states, index);
      if (stopped?.kind === 'unknown memory') await this.#fetch(stopped);
      else {
        if (stopped) this.#goOnAt(stateAt(states, index), stopped);
        index++;
      }
    }
    await this.#compareMemory();
    if (leaves) await this.#leave();
  }

  /**
   * The instruction that {@link segment} ended with is done.
   * @param after the state behind it, or behind what it called
   * @param left false: it went on inside this time
   */
  async returned(after: Int32Array, left: boolean): Promise<void> {
    const { cpu } = this;
    const { writer } = this.#options;
    const { changes, pages } = await returnedFrom(this.#stretches, after, this.#atReturns);
    for (const { address, bytes } of changes) cpu.physical.load(address, bytes);
    if (left) writer.excursion(after, changes);
    else writer.step(after);
    cpu.load(after);
    this.#start = pages;
  }

  /** The model cannot; the machine did. */
  #goOnAt(after: Int32Array, reason: StopReason): void {
    const { cpu } = this;
    this.#note({ kind: 'stopped', step: this.#step, linear: cpu.linearInstruction, reason });
    this.#options.writer.step(after);
    cpu.load(after);
  }

  /** @param index of the state behind it @returns why it could not be executed */
  #instruction(states: States, index: number): StopReason | undefined {
    this.#after.set(stateAt(states, index));
    if ((this.#after[RFLAGS]! & FLAG.if) !== 0)
      this.#stackTop = Math.max(this.#stackTop ?? 0, stackAddress(this.#after));
    let instruction: ExecutableInstruction | undefined;
    try {
      instruction = this.#stepper.next();
    } catch (stop) {
      if (stop instanceof ModelStop) return stop.reason;
      // The step delivers it.
      if (!(stop instanceof GuestFault)) throw stop;
    }
    const isInput = takesInput(instruction?.mnemonic ?? '');
    this.#inputs.isThere = isInput;
    const { bitness } = this.cpu;
    const stopped = this.#stepOnce();
    if (stopped) return stopped;
    const iterations = states.iterations[index]!;
    const { writer } = this.#options;
    if (iterations > 0) writer.repeat(this.#after, iterations);
    else if (isInput) writer.input(this.#after);
    else writer.step(this.#after);
    const before = stateAt(states, index - 1);
    this.#compare(bitness, instruction && { instruction, before });
    return undefined;
  }

  #stepOnce(): StopReason | undefined {
    try {
      return this.#stepper.step();
    } catch (error) {
      if (!(error instanceof MissingInputError)) throw error;
      return { kind: 'unsupported', what: error.message };
    }
  }

  #compare(bitnessBefore: Bitness, executed: Executed | undefined): void {
    const { cpu } = this;
    if (agrees(cpu, this.#after, bitnessBefore, () => executed)) return;
    const fields = differences(cpu.words, this.#after);
    this.#note({ kind: 'state', step: this.#step, linear: cpu.linearInstruction, fields });
    cpu.load(this.#after);
  }

  /** Bytes as they were where the segment began; where nobody has looked then, as they are now. */
  async #fetch({ physical, sizeBytes }: Needed): Promise<void> {
    const { writer } = this.#options;
    const frame = Math.floor(physical / PAGE_BYTES);
    const page = this.cpu.physical.page(frame);
    const start = physical % PAGE_BYTES;
    const bytes = this.#start.get(frame) ?? (await this.#nowPage(frame));
    if (!bytes) throw new UnreadableMemoryError(physical, this.cpu.linearInstruction);
    const runs = unknownRuns(frame, bytes, page.known ?? ALL_KNOWN, {
      start,
      end: start + sizeBytes,
    });
    for (const { address, bytes: run } of runs) this.cpu.physical.load(address, run);
    writer.memory(runs, 'read');
  }

  async #nowPage(frame: number): Promise<Uint8Array | undefined> {
    const { ram } = this.#options;
    const address = frame * PAGE_BYTES;
    return address + PAGE_BYTES <= ram.lowSizeBytes ? ram.read(address, PAGE_BYTES) : undefined;
  }

  async #compareMemory(): Promise<void> {
    const { writer } = this.#options;
    const { differing, leftByHandlers, digests } = await compareWithReal(
      { memory: this.cpu.physical, stretches: this.#stretches },
      this.#start,
      this.#atStops,
      this.#stackTop,
    );
    for (const { address, bytes } of differing)
      this.#note({ kind: 'memory', step: this.#step, address, sizeBytes: bytes.length });
    const written = [...differing, ...leftByHandlers];
    for (const { address, bytes } of written) this.cpu.physical.load(address, bytes);
    this.cpu.memoryLoaded();
    writer.memory(written, 'written');
    writer.digest(digests);
  }

  async #leave(): Promise<void> {
    const { cpu } = this;
    this.#inputs.isThere = false;
    let stopped = this.#stepOnce();
    while (stopped?.kind === 'unknown memory') {
      await this.#fetch(stopped);
      stopped = this.#stepOnce();
    }
    if (stopped)
      this.#note({ kind: 'stopped', step: this.#step, linear: cpu.linearInstruction, reason: stopped });
  }

  get #step(): number {
    return this.#options.writer.totals.steps;
  }

  #note(note: ModelNote): void {
    this.#options.onNote(note);
  }
}

/** Early boot reads what is no RAM; a recording of it would need that device's word. */
export class UnreadableMemoryError extends Error {
  override readonly name = 'UnreadableMemoryError';
  constructor(physical: number, linear: bigint) {
    super(
      `the instruction at 0x${linear.toString(16)} reads 0x${physical.toString(16)}, which is no RAM of the machine: ` +
        'a capture cannot tell what it read; give the machine more memory, or capture a boot without that device',
    );
  }
}

function stateAt({ words }: States, index: number): Int32Array {
  return words.subarray(index * STATE_WORDS, (index + 1) * STATE_WORDS);
}
