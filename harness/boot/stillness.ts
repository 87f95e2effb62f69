/**
 * From a few looks at a silent CPU: is it dead? Pure. Two deaths leave no event and no text: `hlt` with interrupts off,
 * from which nothing but an NMI or a reset wakes, and a loop of a few instructions with interrupts off.
 */
import type { CpuState } from './cpu-state.ts';

/** One look. */
export interface Sample {
  readonly atMs: number;
  /** What QEMU's process has used of the host's CPUs until then; undefined where that cannot be told. */
  readonly usedCpuMs: number | undefined;
  readonly cpu: CpuState;
}

export type Stillness =
  { readonly kind: 'halted'; readonly cpu: CpuState } | { readonly kind: 'looping'; readonly cpu: CpuState };

/** Two looks at a halted CPU this far apart are enough: it wakes at once or never. */
const HALTED_MS = 100;
/** Xen waits ~50 ms for the timer with interrupts off; SeaBIOS reads EDID for up to 1 s, in its own code. */
const LOOPING_MS = 1000;
const LOOPING_SAMPLES = 5;
/** How much of that the guest must really have run: on a busy host its CPU may simply not have had a turn. */
const LOOPING_CPU_MS = 500;
/** A loop of up to a dozen instructions; `jmp .`, `rep stos`, a poll of a port. */
const LOOP_BYTES = 64n;

/** @param isGuests whether code there is the subject's (a firmware may wait as it likes). */
export function stillness(
  samples: readonly Sample[],
  isGuests: (pc: bigint) => boolean,
): Stillness | undefined {
  const last = samples.at(-1);
  if (!last || last.cpu.interrupts) return undefined;
  const since = (same: (cpu: CpuState) => boolean) =>
    samples.slice(samples.findLastIndex(({ cpu }) => cpu.interrupts || !same(cpu)) + 1);
  const halted = since(({ halted, pc }) => halted && pc === last.cpu.pc);
  if (last.cpu.halted) return spanMs(halted) >= HALTED_MS ? { kind: 'halted', cpu: last.cpu } : undefined;
  const looping = since(({ pc, stackPointer, halted }) => {
    const distance = pc > last.cpu.pc ? pc - last.cpu.pc : last.cpu.pc - pc;
    return !halted && distance < LOOP_BYTES && stackPointer === last.cpu.stackPointer;
  });
  const isLoop =
    looping.length >= LOOPING_SAMPLES &&
    spanMs(looping) >= LOOPING_MS &&
    ranMs(looping) >= LOOPING_CPU_MS &&
    windowBytes(looping) <= LOOP_BYTES &&
    looping.every(({ cpu }) => isGuests(cpu.pc));
  return isLoop ? { kind: 'looping', cpu: last.cpu } : undefined;
}

function spanMs(samples: readonly Sample[]): number {
  return (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0);
}

/** Where the host does not tell, all of it counts. */
function ranMs(samples: readonly Sample[]): number {
  const [first, last] = [samples[0]?.usedCpuMs, samples.at(-1)?.usedCpuMs];
  return first === undefined || last === undefined ? spanMs(samples) : last - first;
}

function windowBytes(samples: readonly Sample[]): bigint {
  let [low, high] = [samples[0]?.cpu.pc ?? 0n, samples[0]?.cpu.pc ?? 0n];
  for (const { cpu } of samples) {
    if (cpu.pc < low) low = cpu.pc;
    if (cpu.pc > high) high = cpu.pc;
  }
  return high - low;
}
