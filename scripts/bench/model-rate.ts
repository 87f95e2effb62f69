/** How fast the x86 model replays Xen's early boot, in one process that has warmed up. */
import { FreeRun, outsideOf } from '../../harness/replay/free-run.ts';
import { Replay } from '../../harness/replay/replay.ts';
import { capturePlan } from '../../harness/scenario/capture-plan.ts';
import { TraceReader } from '../../harness/trace/trace-reader.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import { captureBoot } from './captured-boot.ts';
import { type Figure, type Measured, type MeasureOptions, median } from './figure.ts';
import { prepareInstance, withFolder } from './prepared-run.ts';

const WARM_UP_RUNS = 200;
const ROUNDS = 200;
const FIRMWARES = ['bios', 'efi'] as const;

interface Recorded {
  readonly trace: TraceReader;
  readonly image: Uint8Array;
  readonly store: CodeStore;
}

/** From the first step to the last, the machine's memory made before. */
type Run = () => { readonly count: number; readonly ms: number };

export const replayFigure: Figure = {
  name: 'replay',
  about:
    'traces of Xen’s early boot replayed with every step compared, in million steps/s, a repeated string instruction counted once; the lower firmware',
  measure: (options) =>
    measureBoth(options, 'M steps/s', ({ trace, image, store }) => () => {
      const replay = new Replay(trace, image, store);
      const started = performance.now();
      const { steps, divergence } = replay.run();
      if (divergence) throw new Error(`the replay diverges after ${steps} steps`);
      return { count: steps, ms: performance.now() - started };
    }),
};

export const modelFigure: Figure = {
  name: 'model',
  about:
    'the model alone on Xen’s early boot, decoded before, in million instructions/s, a repeated string instruction counted once; the lower firmware',
  measure: (options) =>
    measureBoth(options, 'M instructions/s', ({ trace, image, store }) => {
      const boot = new FreeRun(trace, outsideOf(trace), image, store);
      return () => {
        boot.rewind();
        const started = performance.now();
        const { executed, stopped } = boot.run();
        if (stopped) throw new Error(`the model stops after ${executed} instructions: ${stopped.kind}`);
        return { count: executed, ms: performance.now() - started };
      };
    }),
};

async function measureBoth(
  { rounds = ROUNDS, say }: MeasureOptions,
  unit: 'M steps/s' | 'M instructions/s',
  prepare: (recorded: Recorded) => Run,
): Promise<Measured> {
  const parts: { part: string; value: number; unit: typeof unit }[] = [];
  for (const firmware of FIRMWARES) {
    const run = prepare(await recordedOn(firmware, say));
    for (let warmUp = 0; warmUp < WARM_UP_RUNS; warmUp++) run();
    const rates = Array.from({ length: rounds }, () => {
      const { count, ms } = run();
      return count / ms / 1000;
    });
    parts.push({ part: firmware, value: median(rates), unit });
  }
  return { value: Math.min(...parts.map(({ value }) => value)), unit, parts };
}

function recordedOn(firmware: string, say: MeasureOptions['say']): Promise<Recorded> {
  return withFolder(async (folder) => {
    const prepared = await prepareInstance(`xen-early-boot~${firmware}~base-0x03e00000`, folder, say);
    const { trace } = await captureBoot(prepared, 'log', folder, 0);
    const { image } = capturePlan(prepared.planned, prepared.artifacts);
    const store = new CodeStore(prepared.artifacts.disassembler);
    return { trace: new TraceReader(trace), image, store };
  });
}
