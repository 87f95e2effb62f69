/** A golden trace's boot in the model, an instruction at a time, with its origins followed. */
import { readFile } from 'node:fs/promises';
import { imageForTrace } from '../../cli/image-for-trace.ts';
import { isInside } from '../../replay/inside.ts';
import { habitsOf, memoryWithImage } from '../../replay/loaded-memory.ts';
import { type Outside, outsideOf, QueuedInputs } from '../../replay/free-run.ts';
import { TraceReader } from '../../trace/trace-reader.ts';
import { CodeCache, linearOf } from '../../x86/execute/code-cache.ts';
import type { CodeStore } from '../../x86/execute/code-store.ts';
import { Cpu } from '../../x86/execute/cpu.ts';
import { step } from '../../x86/execute/step.ts';
import type { PhysicalMemory } from '../../x86/memory/physical-memory.ts';
import { readField, STATE_WORDS } from '../../x86/state/state-layout.ts';
import { Origins } from '../origins.ts';
import type { Territory } from '../territory.ts';

export interface GoldenBoot {
  readonly trace: TraceReader;
  readonly image: Uint8Array;
}

/** @throws TraceImageError where the image was not built here */
export async function goldenBoot(path: URL): Promise<GoldenBoot> {
  const trace = new TraceReader(new Uint8Array(await readFile(path)));
  return { trace, image: (await imageForTrace(trace, undefined)).bytes };
}

export interface GoldenRun {
  readonly cpu: Cpu;
  readonly executed: number;
  readonly territory: Territory;
  /** undefined: nobody followed. */
  readonly origins: Origins | undefined;
}

/** @param linkTimeChange bytes in place of the image's, by link-time address */
export function goldenRun(
  { trace, image }: GoldenBoot,
  store: CodeStore,
  { isFollowed, linkTimeChange }: { isFollowed: boolean; linkTimeChange?: readonly [number, Uint8Array] },
): GoldenRun {
  const { header } = trace;
  const outside = outsideOf(trace);
  const { linkBase, loadBase, segments } = header.subject;
  const memory = memoryWithImage(header, image);
  for (const { address, bytes } of outside.memory) memory.load(address, bytes);
  const sizeBytes = segments[0]!.memorySizeBytes;
  copyOf(memory, loadBase, linkBase, sizeBytes);
  if (linkTimeChange) {
    const [at, bytes] = linkTimeChange;
    for (const base of [linkBase, loadBase]) memory.load(at - linkBase + base, bytes);
  }
  const cpu = new Cpu(memory, inputsOf(outside), habitsOf(header));
  cpu.load(outside.initial);
  const range = (start: number) => ({ start, end: start + sizeBytes });
  const territory = { linkTime: range(linkBase), loaded: range(loadBase), owned: () => undefined };
  const end = readField(outside.final, 'rip');
  const code = new CodeCache(store, (low, high) => {
    const linear = linearOf(low, high);
    return linear !== end && isInside(header.inside, linear);
  });
  const origins = isFollowed ? new Origins(cpu, code, territory) : undefined;
  const executed = toTheEnd(cpu, outside, () => (origins ? origins.step() : step(cpu, code)));
  return { cpu, executed, territory, origins };
}

function toTheEnd(
  cpu: Cpu,
  { excursions, steps }: Outside,
  once: () => { kind: string } | undefined,
): number {
  let [executed, index] = [0, 0];
  while (executed < 2 * steps) {
    const stop = once();
    if (!stop) {
      executed++;
      continue;
    }
    const excursion = excursions[index++];
    if (stop.kind !== 'left' || !excursion) return executed;
    for (const { address, bytes } of excursion.changes) cpu.physical.load(address, bytes);
    cpu.resume(excursion.after);
  }
  return executed;
}

function copyOf(memory: PhysicalMemory, from: number, to: number, sizeBytes: number): void {
  memory.load(to, memory.read(from, sizeBytes));
}

function inputsOf({ inputs }: Outside): QueuedInputs {
  const after = new Int32Array(STATE_WORDS);
  let index = 0;
  return new QueuedInputs(after, () => {
    const state = inputs[index++];
    if (state) after.set(state);
  });
}
