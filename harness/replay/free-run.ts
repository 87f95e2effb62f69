/**
 * A trace's boot in the model at full speed: nothing is compared on the way but where control leaves, and at the end the
 * state. What came from outside comes from the trace: inputs in their order, and what each excursion left behind.
 */
import { END, EXCURSION, INPUT, MEMORY, type MemoryRun } from '../trace/record.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import { CodeCache, linearOf } from '../x86/execute/code-cache.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { run } from '../x86/execute/step.ts';
import type { MemorySnapshot } from '../x86/memory/physical-memory.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import { BASE, CS, readField, segmentWord, STATE_WORDS } from '../x86/state/state-layout.ts';
import { isInside } from './inside.ts';
import { habitsOf, memoryWithImage } from './loaded-memory.ts';
import { RecordedInputs } from './recorded-inputs.ts';

interface Excursion {
  readonly after: Int32Array;
  readonly changes: readonly MemoryRun[];
}

/** What a trace says of the outside, and where it ends. */
export interface Outside {
  readonly initial: Int32Array;
  readonly memory: readonly MemoryRun[];
  /** The state after each instruction that took an input. */
  readonly inputs: readonly Int32Array[];
  readonly excursions: readonly Excursion[];
  readonly final: Int32Array;
  /** Instructions; a repeated string instruction counts once. */
  readonly steps: number;
}

/** @throws TraceError */
export function outsideOf(trace: TraceReader): Outside {
  const cursor = trace.cursor();
  const initial = cursor.words.slice();
  const memory: MemoryRun[] = [];
  const inputs: Int32Array[] = [];
  const excursions: { after: Int32Array; changes: MemoryRun[] }[] = [];
  for (let kind = cursor.next(); kind !== END; kind = cursor.next()) {
    if (kind === INPUT) inputs.push(cursor.words.slice());
    else if (kind === EXCURSION) excursions.push({ after: cursor.words.slice(), changes: [] });
    else if (kind === MEMORY && cursor.memoryCause === 'read') memory.push(...cursor.memory);
    else if (kind === MEMORY) excursions.at(-1)?.changes.push(...cursor.memory);
  }
  return { initial, memory, inputs, excursions, final: cursor.words.slice(), steps: cursor.step };
}

export interface FreeRunEnd {
  readonly executed: number;
  /** Absent: it came to where the trace ends. */
  readonly stopped?: StopReason;
}

/** It may be run again and again: what is decoded stays decoded. */
export class FreeRun {
  readonly cpu: Cpu;
  readonly #outside: Outside;
  readonly #code: CodeCache;
  readonly #after = new Int32Array(STATE_WORDS);
  readonly #start: MemorySnapshot;
  #inputs = 0;

  constructor(trace: TraceReader, outside: Outside, image: Uint8Array, store: CodeStore) {
    this.#outside = outside;
    const memory = memoryWithImage(trace.header, image);
    for (const { address, bytes } of outside.memory) memory.load(address, bytes);
    this.cpu = new Cpu(
      memory,
      new QueuedInputs(this.#after, () => this.#nextInput()),
      habitsOf(trace.header),
    );
    this.#start = memory.snapshot();
    this.cpu.load(outside.initial);
    const { inside } = trace.header;
    const { final } = outside;
    const end = linearInstruction(final);
    this.#code = new CodeCache(store, (low, high) => {
      const linear = linearOf(low, high);
      return linear !== end && isInside(inside, linear);
    });
  }

  /** To the beginning. */
  rewind(): void {
    this.cpu.physical.rewind(this.#start);
    this.cpu.load(this.#outside.initial);
    this.#inputs = 0;
  }

  /** @param execute who executes, as `run` of step.ts does: one that looks on may stand for it */
  run(execute: typeof run = run): FreeRunEnd {
    const { excursions, steps } = this.#outside;
    let executed = 0;
    for (let index = 0; ; index++) {
      // As many again as were recorded are a loop that the machine did not run.
      const end = execute(this.cpu, this.#code, 2 * steps - executed);
      executed += end.executed;
      if (end.reason.kind !== 'left') return { executed, stopped: end.reason };
      const excursion = excursions[index];
      if (!excursion) return { executed };
      for (const { address, bytes } of excursion.changes) this.cpu.physical.load(address, bytes);
      this.cpu.resume(excursion.after);
    }
  }

  #nextInput(): void {
    const state = this.#outside.inputs[this.#inputs++];
    if (state) this.#after.set(state);
  }
}

/** Outside 64-bit mode the code segment's base counts; inside it is 0. */
export function linearInstruction(state: Int32Array): bigint {
  return readField(state, 'rip') + BigInt(state[segmentWord(CS) + BASE]! >>> 0);
}

/** Each question is answered from the next recorded state. */
export class QueuedInputs extends RecordedInputs {
  readonly #next: () => void;

  /** @param next puts the next recorded state into `after` */
  constructor(after: Int32Array, next: () => void) {
    super(after);
    this.#next = next;
    this.isThere = true;
  }

  override cpuid(leaf: number, subleaf: number, into: Int32Array): void {
    this.#next();
    super.cpuid(leaf, subleaf, into);
  }

  override timestamp(into: Int32Array): void {
    this.#next();
    super.timestamp(into);
  }

  override readModelSpecific(index: number, into: Int32Array): void {
    this.#next();
    super.readModelSpecific(index, into);
  }

  override readPort(port: number, sizeBytes: number): number {
    this.#next();
    return super.readPort(port, sizeBytes);
  }
}
