/**
 * A trace's boot in the model at full speed: nothing is compared on the way but where control leaves, and at the end the
 * state. What came from outside comes from the trace: inputs in their order, and what each excursion left behind.
 */
import { END, EXCURSION, INPUT, MEMORY, type MemoryRun } from '../trace/record.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import { CodeCache, type CodeStore, linearOf } from '../x86/execute/code-cache.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { run } from '../x86/execute/step.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import { isInside } from './inside.ts';
import { memoryWithImage } from './loaded-memory.ts';
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
  /** Absent: it went as far as the trace. */
  readonly stopped?: StopReason;
}

/** One run; the code store is shared, so that a later one decodes nothing. */
export class FreeRun {
  readonly cpu: Cpu;
  readonly #outside: Outside;
  readonly #code: CodeCache;
  readonly #after = new Int32Array(STATE_WORDS);
  #inputs = 0;

  constructor(trace: TraceReader, outside: Outside, image: Uint8Array, store: CodeStore) {
    this.#outside = outside;
    const memory = memoryWithImage(trace.header, image);
    for (const { address, bytes } of outside.memory) memory.load(address, bytes);
    this.cpu = new Cpu(memory, new QueuedInputs(this.#after, () => this.#nextInput()));
    this.cpu.load(outside.initial);
    const { inside } = trace.header;
    this.#code = new CodeCache(store, (low, high) => isInside(inside, linearOf(low, high)));
  }

  run(): FreeRunEnd {
    const { excursions, steps } = this.#outside;
    let executed = 0;
    for (const { after, changes } of excursions) {
      const end = run(this.cpu, this.#code, steps - executed);
      executed += end.executed;
      if (end.reason.kind !== 'left') return { executed, stopped: end.reason };
      for (const { address, bytes } of changes) this.cpu.physical.load(address, bytes);
      this.cpu.load(after);
    }
    const end = run(this.cpu, this.#code, steps - executed);
    executed += end.executed;
    return end.reason.kind === 'limit' ? { executed } : { executed, stopped: end.reason };
  }

  #nextInput(): void {
    const state = this.#outside.inputs[this.#inputs++];
    if (state) this.#after.set(state);
  }
}

/** Each question is answered from the next recorded state. */
class QueuedInputs extends RecordedInputs {
  readonly #next: () => void;

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
