/** How fast our own model runs a stretch of early boot, and what it leaves. */
import { QueuedInputs } from '../../harness/replay/free-run.ts';
import { crcOf } from '../../harness/trace/file-layout.ts';
import { CodeCache } from '../../harness/x86/execute/code-cache.ts';
import type { CodeStore } from '../../harness/x86/execute/code-store.ts';
import { Cpu } from '../../harness/x86/execute/cpu.ts';
import { run } from '../../harness/x86/execute/step.ts';
import { PhysicalMemory } from '../../harness/x86/memory/physical-memory.ts';
import { RIP, STATE_WORDS } from '../../harness/x86/state/state-layout.ts';
import { median } from './figure.ts';
import { generalOf, type Runs } from './unicorn/stretch-file.ts';
import { endOf, type Stretch, StretchError } from './unicorn/stretch.ts';

/** What a model left: the same for all that are right. */
export interface StretchEnd {
  /** EAX ECX EDX EBX ESP EBP ESI EDI, unsigned. */
  readonly general: readonly number[];
  readonly eip: number;
  /** Of all memory of the stretch, in the order of addresses (ISO 3309, as zlib's). */
  readonly crc32: number;
}

export interface RunRate {
  /** Of one run: the median. */
  readonly seconds: number;
  /** A repeated string instruction counts once. */
  readonly instructions: number;
  /** Of a stretch. */
  readonly end?: StretchEnd;
}

/** How runs are executed. */
export interface Executor {
  readonly store: CodeStore;
  /** As `run` of step.ts. */
  readonly execute: typeof run;
  /** Called before each run, outside the time that is taken. */
  begin?(cpu: Cpu): void;
  /** Called after each run. */
  end?(): void;
}

/** Nobody looks on. */
export function bareExecutor(store: CodeStore): Executor {
  return { store, execute: run };
}

/**
 * Each run begins with the same memory and state; what was decoded stays so.
 * @throws StretchError where the model does not run the stretch as it was recorded
 */
export function modelRate(stretch: Stretch, runs: Runs, executor: Executor): Required<RunRate> {
  const memory = new PhysicalMemory('unknown');
  for (const { address, bytes } of stretch.memory) memory.load(address, bytes);
  const start = memory.snapshot();
  const after = new Int32Array(STATE_WORDS);
  let asked = 0;
  const inputs = new QueuedInputs(after, () => {
    const input = stretch.inputs[asked++];
    if (input) after.set(input.after);
  });
  const cpu = new Cpu(memory, inputs, stretch.habits);
  const last = endOf(stretch);
  const code = new CodeCache(executor.store, (low) => low >>> 0 !== last);
  const seconds: number[] = [];
  for (let index = 0; index < runs.warmUp + runs.measured; index++) {
    memory.rewind(start);
    cpu.load(stretch.initial);
    asked = 0;
    executor.begin?.(cpu);
    const began = performance.now();
    // As many again as were recorded are a loop that the machine did not run.
    const { executed, reason } = executor.execute(cpu, code, 2 * stretch.instructions);
    const took = (performance.now() - began) / 1000;
    executor.end?.();
    if (reason.kind !== 'left' || executed !== stretch.instructions)
      throw new StretchError(
        `the model's run of ${stretch.instructions} instructions ended after ${executed}: ${reason.kind}`,
      );
    if (index >= runs.warmUp) seconds.push(took);
  }
  requireSame(cpu.state(), stretch.final);
  return {
    seconds: median(seconds),
    instructions: stretch.instructions,
    end: endIn(cpu.state(), stretch, memory),
  };
}

function requireSame(state: Int32Array, recorded: Int32Array): void {
  const word = state.findIndex((each, index) => each !== recorded[index]);
  if (word >= 0)
    throw new StretchError(`the model's end state is another than the recorded one: word ${word} differs`);
}

function endIn(state: Int32Array, { memory }: Stretch, physical: PhysicalMemory): StretchEnd {
  const bytes = memory.map((run) => physical.read(run.address, run.bytes.length));
  return { general: generalOf(state), eip: state[RIP]! >>> 0, crc32: crcOf(Buffer.concat(bytes)) };
}
