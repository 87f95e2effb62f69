/** Early boot in the model alone, with all that a machine profile gives; and what a golden trace says of its end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageForTrace } from '../../cli/image-for-trace.ts';
import { isInside } from '../../replay/inside.ts';
import { FreeRun, outsideOf } from '../../replay/free-run.ts';
import { habitsOf, memoryWithImage } from '../../replay/loaded-memory.ts';
import { parseBootImage } from '../../subject/boot-image.ts';
import { TraceReader } from '../../trace/trace-reader.ts';
import { projectRoot } from '../../workdir/project-root.ts';
import { CodeCache, linearOf } from '../../x86/execute/code-cache.ts';
import type { CodeStore } from '../../x86/execute/code-store.ts';
import { Cpu } from '../../x86/execute/cpu.ts';
import { run } from '../../x86/execute/step.ts';
import type { StopReason } from '../../x86/execute/stop.ts';
import { readField } from '../../x86/state/state-layout.ts';
import { entryState } from '../entry-state.ts';
import { FirmwareStandIn } from '../firmware-stand-in.ts';
import { knownRuns } from '../known-memory.ts';
import { MachineInputs } from '../machine-inputs.ts';
import { type MachineProfile, parseMachineProfile } from '../machine-profile.ts';

const GOLDEN = join(projectRoot(), 'results', 'golden');

export interface Golden {
  readonly bytes: Uint8Array;
  readonly trace: TraceReader;
  /** Undefined where it was not built here. */
  readonly image: Uint8Array | undefined;
}

export async function goldenTrace(firmware: 'bios' | 'efi', base: string): Promise<Golden> {
  const bytes = readFileSync(join(GOLDEN, `xen-early-boot~${firmware}~base-${base}.lbtrace`));
  const trace = new TraceReader(bytes);
  const image = await imageForTrace(trace, undefined).catch((error: Error) => {
    if (error.name === 'TraceImageError') return undefined;
    throw error;
  });
  return { bytes, trace, image: image?.bytes };
}

export function goldenProfile(name: string): MachineProfile {
  return parseMachineProfile(readFileSync(join(GOLDEN, `machine-${name}.json`), 'utf8'));
}

export interface ProfileRunEnd {
  readonly cpu: Cpu;
  readonly inputs: MachineInputs;
  readonly calls: number;
  /** Absent: it came to where the trace ends. */
  readonly stopped?: StopReason | { readonly kind: 'unanswered'; readonly what: string };
}

export interface ProfileRunOptions {
  readonly spoil?: (memory: Cpu['physical']) => void;
}

/** At the load base of the trace, of which nothing else is used than where the image was changed, and where it ends. */
export function profileRun(
  profile: MachineProfile,
  { trace, image }: Golden,
  store: CodeStore,
  { spoil }: ProfileRunOptions = {},
): ProfileRunEnd {
  const { header } = trace;
  const { loadBase } = header.subject;
  const memory = memoryWithImage(header, image!);
  const entry = entryState(profile, parseBootImage(image!), loadBase);
  for (const { address, bytes } of entry.memory) memory.load(address, bytes);
  spoil?.(memory);
  const inputs = new MachineInputs(profile, { timestampsOf: loadBase });
  const cpu = new Cpu(memory, inputs, habitsOf(header));
  cpu.load(entry.words);
  const end = readField(outsideOf(trace).final, 'rip');
  const code = new CodeCache(store, (low, high) => {
    const linear = linearOf(low, high);
    return linear !== end && isInside(header.inside, linear);
  });
  const firmware = new FirmwareStandIn(profile, loadBase);
  for (let calls = 0; ; calls++) {
    const { reason } = run(cpu, code, 1_000_000);
    if (reason.kind !== 'left') return { cpu, inputs, calls, stopped: reason };
    if (cpu.linearInstruction === end) return { cpu, inputs, calls };
    const unanswered = firmware.answer(cpu);
    if (unanswered) return { cpu, inputs, calls, stopped: { kind: 'unanswered', ...unanswered } };
  }
}

/** The end of the recorded boot: all of the image’s memory, as the trace lets the model compute it. */
export function goldenEnd({ trace, image }: Golden, store: CodeStore): Cpu {
  const free = new FreeRun(trace, outsideOf(trace), image!, store);
  const { stopped } = free.run();
  if (stopped) throw new Error(`the golden trace does not run: ${stopped.kind}`);
  return free.cpu;
}

/** Offsets in the image at which two ends differ, as ranges. */
export function imageDifferences({ trace }: Golden, ours: Cpu, theirs: Cpu): string[] {
  const { loadBase, segments } = trace.header.subject;
  const found: { at: number; size: number }[] = [];
  for (const { physicalAddress, memorySizeBytes } of segments) {
    const [a, b] = [ours, theirs].map((cpu) => cpu.physical.read(physicalAddress, memorySizeBytes));
    for (let at = 0; at < memorySizeBytes; at++) {
      if (a![at] === b![at]) continue;
      const offset = physicalAddress - loadBase + at;
      const last = found.at(-1);
      if (last && offset - last.at - last.size < 8) last.size = offset - last.at + 1;
      else found.push({ at: offset, size: 1 });
    }
  }
  return found.map(({ at, size }) => `image+0x${at.toString(16)}, ${size} bytes`);
}

const LOW_MEMORY_BYTES = 0xa0000;
/** Below the top of Xen's real-mode stack: what the BIOS pushed there, long popped. The stand-in pushes nothing. */
const DEAD_STACK = { start: 0x9efe0, end: 0x9f000 };

/** The same of low memory, as far as the recorded boot says what is there. */
export function lowMemoryDifferences(ours: Cpu, theirs: Cpu): string[] {
  return knownRuns(theirs.physical, 0, LOW_MEMORY_BYTES)
    .filter(({ address, bytes }) => Buffer.compare(ours.physical.read(address, bytes.length), bytes) !== 0)
    .flatMap(({ address, bytes }) => {
      const here = ours.physical.read(address, bytes.length);
      const differing = [...bytes.keys()].filter((index) => here[index] !== bytes[index]);
      return differing
        .filter((index) => address + index < DEAD_STACK.start || address + index >= DEAD_STACK.end)
        .map((index) => `low memory 0x${(address + index).toString(16)}`);
    });
}
