/** How fast our own model runs all of a recorded boot: real mode, long mode, what was recorded of firmware and CPU told to it. */
import { FreeRun, outsideOf } from '../../harness/replay/free-run.ts';
import { TraceReader } from '../../harness/trace/trace-reader.ts';
import { median } from './figure.ts';
import type { Executor, RunRate } from './stretch-model.ts';
import type { Runs } from './unicorn/stretch-file.ts';
import { StretchError } from './unicorn/stretch.ts';

/** A boot that was captured. */
export interface RecordedBoot {
  /** The trace's bytes. */
  readonly trace: Uint8Array;
  /** The image file's bytes, which must be those that the trace names. */
  readonly image: Uint8Array;
}

/** @throws StretchError where the model does not come to the boot's end; TraceError */
export function bootRate({ trace: bytes, image }: RecordedBoot, runs: Runs, executor: Executor): RunRate {
  const trace = new TraceReader(Buffer.from(bytes));
  const boot = new FreeRun(trace, outsideOf(trace), image, executor.store);
  const seconds: number[] = [];
  let instructions = 0;
  for (let index = 0; index < runs.warmUp + runs.measured; index++) {
    boot.rewind();
    executor.begin?.(boot.cpu);
    const began = performance.now();
    const { executed, stopped } = boot.run(executor.execute);
    const took = (performance.now() - began) / 1000;
    executor.end?.();
    if (stopped) throw new StretchError(`the model's boot ended after ${executed}: ${stopped.kind}`);
    instructions = executed;
    if (index >= runs.warmUp) seconds.push(took);
  }
  return { seconds: median(seconds), instructions };
}
