/** A few instructions of an image linked at 0x200000 and loaded at 0x800000, under the rules. */
import { CodeCache } from '../../x86/execute/code-cache.ts';
import { CodeStore } from '../../x86/execute/code-store.ts';
import { Cpu } from '../../x86/execute/cpu.ts';
import { run, step } from '../../x86/execute/step.ts';
import type { StopReason } from '../../x86/execute/stop.ts';
import { flatState } from '../../x86/execute/testdata/flat-state.ts';
import { loadDisassembler } from '../../x86/disassembler.ts';
import { PhysicalMemory } from '../../x86/memory/physical-memory.ts';
import { writeField } from '../../x86/state/state-layout.ts';
import type { Finding } from '../finding.ts';
import { Sanitizer } from '../sanitizer.ts';
import type { Territory } from '../territory.ts';
import { watchedOperations } from '../watched-operation.ts';
import type { SanitizerSlot } from '../sanitizer-slot.ts';

export const LINKED = 0x20_0000;
export const LOADED = 0x80_0000;
export const IMAGE_BYTES = 0x4000;

export interface SmallRun {
  readonly bitness?: 32 | 64;
  /** State fields beside RIP; RSP is in the image. */
  readonly state?: Readonly<Record<string, bigint>>;
  /** Physical memory beside the image, by address. */
  readonly memory?: Readonly<Record<number, string>>;
  readonly loadBase?: number;
  readonly territory?: Partial<Territory>;
}

export interface SmallEnd {
  readonly findings: readonly Finding[];
  readonly reason: StopReason;
  readonly cpu: Cpu;
}

const disassembler = await loadDisassembler();

/** Runs hexadecimal code from the image's first byte to HLT. */
export function sanitizedRun(code: string, given: SmallRun = {}): SmallEnd {
  const { bitness = 32, loadBase = LOADED } = given;
  const image = new Uint8Array(IMAGE_BYTES);
  image.set(Buffer.from(code.replaceAll(/;.*$/gm, '').replaceAll(/\s/g, ''), 'hex'));
  const memory = new PhysicalMemory('unknown');
  memory.load(LINKED, image);
  memory.load(loadBase, image);
  for (const [address, hex] of Object.entries(given.memory ?? {}))
    memory.load(Number(address), Buffer.from(hex, 'hex'));
  const cpu = new Cpu(memory);
  const initial = flatState(bitness);
  writeField(initial, 'rip', BigInt(loadBase));
  writeField(initial, 'rsp', BigInt(loadBase + IMAGE_BYTES - 16));
  for (const [name, value] of Object.entries(given.state ?? {})) writeField(initial, name, value);
  cpu.load(initial);
  const slot: SanitizerSlot = { current: undefined };
  const cache = new CodeCache(new CodeStore(disassembler, watchedOperations(slot)));
  const sanitizer = new Sanitizer(cpu, {
    linkTime: { start: LINKED, end: LINKED + IMAGE_BYTES },
    loaded: { start: loadBase, end: loadBase + IMAGE_BYTES },
    owned: () => undefined,
    ...given.territory,
  });
  slot.current = sanitizer;
  for (;;) {
    const { reason } = run(cpu, cache, 10_000);
    if (reason.kind !== 'watched') return { findings: sanitizer.findings, reason, cpu };
    sanitizer.stopped(reason);
    const stopped = sanitizer.past(reason, () => step(cpu, cache));
    if (stopped?.kind === 'watched') {
      sanitizer.stopped(stopped);
      sanitizer.past(stopped, () => step(cpu, cache));
    } else if (stopped) return { findings: sanitizer.findings, reason: stopped, cpu };
  }
}
