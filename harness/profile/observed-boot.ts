/** A captured boot, run again in the model, so that each question to the outside is seen with all of state and memory. */
import { outsideOf, type Outside } from '../replay/free-run.ts';
import { isInside } from '../replay/inside.ts';
import { habitsOf, memoryWithImage } from '../replay/loaded-memory.ts';
import type { MemoryRun } from '../trace/record.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import { CodeCache, linearOf } from '../x86/execute/code-cache.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import type { Inputs } from '../x86/execute/inputs.ts';
import { run } from '../x86/execute/step.ts';
import { readFlags } from '../x86/state/flags.ts';
import { BASE, CS, GENERAL, readField, segmentWord, STATE_WORDS } from '../x86/state/state-layout.ts';

/** The model does not get to the end of the trace: replay it first. */
export class UnobservableBootError extends Error {
  override readonly name = 'UnobservableBootError';
  constructor(instance: string, why: string) {
    super(`${instance}: ${why}; only a trace that replays without a divergence makes a profile`);
  }
}

/** A question to the CPU or a device, with the answer: low and high word, or EAX EBX ECX EDX. */
export interface ObservedInput {
  readonly kind: 'cpuid' | 'timestamp' | 'modelSpecific' | 'port';
  /** Leaf and subleaf; the register; port and size. */
  readonly asked: readonly number[];
  /** Unsigned. */
  readonly answer: readonly number[];
}

/** A call of the firmware: the state before and after, and what it changed in memory. */
export interface ObservedCall {
  readonly before: Int32Array;
  readonly after: Int32Array;
  readonly changes: readonly MemoryRun[];
}

export interface Observer {
  /** At the firmware's first instruction. @returns what to do when it has returned */
  readonly onCall: (cpu: Cpu, call: ObservedCall) => () => void;
}

export interface ObservedBoot {
  readonly outside: Outside;
  readonly inputs: readonly ObservedInput[];
  /** As it is at the end. */
  readonly cpu: Cpu;
}

/**
 * @param image the image file's bytes
 * @throws UnobservableBootError, TraceError, and what the observer throws
 */
export function observeBoot(
  trace: TraceReader,
  image: Uint8Array,
  store: CodeStore,
  observer: Observer,
): ObservedBoot {
  const { instance, inside } = trace.header;
  const outside = outsideOf(trace);
  const inputs = new ObservedInputs(outside.inputs, instance);
  const cpu = cpuAtEntry(trace, image, outside, inputs);
  const end = endOf(outside.final);
  const code = new CodeCache(store, (low, high) => {
    const linear = linearOf(low, high);
    return linear !== end && isInside(inside, linear);
  });
  let executed = 0;
  for (let index = 0; ; index++) {
    const ended = run(cpu, code, 2 * outside.steps - executed);
    executed += ended.executed;
    if (ended.reason.kind !== 'left')
      throw new UnobservableBootError(instance, `the model stopped (${ended.reason.kind})`);
    const excursion = outside.excursions[index];
    if (!excursion) break;
    observeCall(cpu, excursion, observer);
  }
  if (cpu.linearInstruction !== end) throw new UnobservableBootError(instance, 'the model ends elsewhere');
  return { outside, inputs: inputs.observed, cpu };
}

function cpuAtEntry(
  { header }: TraceReader,
  image: Uint8Array,
  { memory, initial }: Outside,
  inputs: Inputs,
): Cpu {
  const physical = memoryWithImage(header, image);
  for (const { address, bytes } of memory) physical.load(address, bytes);
  const cpu = new Cpu(physical, inputs, habitsOf(header));
  cpu.load(initial);
  return cpu;
}

function observeCall(cpu: Cpu, { after, changes }: Omit<ObservedCall, 'before'>, { onCall }: Observer): void {
  readFlags(cpu.words);
  const done = onCall(cpu, { before: cpu.words.slice(0, STATE_WORDS), after, changes });
  for (const { address, bytes } of changes) cpu.physical.load(address, bytes);
  cpu.resume(after);
  done();
}

function endOf(final: Int32Array): bigint {
  return readField(final, 'rip') + BigInt(final[segmentWord(CS) + BASE]! >>> 0);
}

const [EAX, ECX, EDX, EBX] = [GENERAL, GENERAL + 2, GENERAL + 4, GENERAL + 6];

class ObservedInputs implements Inputs {
  readonly observed: ObservedInput[] = [];
  readonly #states: readonly Int32Array[];
  readonly #instance: string;

  /** @param states after each instruction that asked */
  constructor(states: readonly Int32Array[], instance: string) {
    this.#states = states;
    this.#instance = instance;
  }

  cpuid(leaf: number, subleaf: number, into: Int32Array): void {
    this.#answer('cpuid', [leaf >>> 0, subleaf >>> 0], [EAX, EBX, ECX, EDX], into);
  }

  timestamp(into: Int32Array): void {
    this.#answer('timestamp', [], [EAX, EDX], into);
  }

  readModelSpecific(index: number, into: Int32Array): void {
    this.#answer('modelSpecific', [index >>> 0], [EAX, EDX], into);
  }

  writeModelSpecific(): void {
    // Read back, it is an input again.
  }

  readPort(port: number, sizeBytes: number): number {
    const into = new Int32Array(1);
    this.#answer(
      'port',
      [port, sizeBytes],
      [EAX],
      into,
      sizeBytes === 4 ? -1 : sizeBytes === 2 ? 0xffff : 0xff,
    );
    return into[0]!;
  }

  writePort(): void {
    // What a device does with it is seen in inputs, or not at all.
  }

  #answer(
    kind: ObservedInput['kind'],
    asked: readonly number[],
    words: readonly number[],
    into: Int32Array,
    mask = -1,
  ): void {
    const state = this.#states[this.observed.length];
    if (!state) throw new UnobservableBootError(this.#instance, `an input (${kind}) is missing`);
    into.set(words.map((word) => state[word]! & mask));
    this.observed.push({
      kind,
      asked,
      answer: [...into.subarray(0, words.length)].map((word) => word >>> 0),
    });
  }
}
