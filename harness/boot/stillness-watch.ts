/**
 * Looks at the CPU through QMP (never the gdbstub, which would stop the machine), and only while the console is silent:
 * a boot that goes on is not looked at.
 */
import { readFile } from 'node:fs/promises';
import type { Machine } from '../qemu/launch.ts';
import { parseCpuState } from './cpu-state.ts';
import { humanMonitor } from './guest.ts';
import { stillness, type Sample, type Stillness } from './stillness.ts';

/** A console that spoke less than this ago is not silent. */
const SILENT_MS = 700;
const EVERY_MS = 150;
const KEPT_SAMPLES = 64;
/** Linux's USER_HZ: utime and stime in /proc/<pid>/stat, proc(5). */
const TICK_MS = 10;

export interface StillnessWatchOptions {
  readonly machine: Machine;
  readonly silentForMs: () => number;
  /** Whether code at this linear address is the guest's own, so that it must not stand still there. */
  readonly isGuests: (pc: bigint) => boolean;
}

/** From now until it is disposed of. What keeps QEMU from answering is no death of the guest's: then there is no answer. */
export class StillnessWatch implements Disposable {
  readonly #options: StillnessWatchOptions;
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;
  #samples: Sample[] = [];
  #state: 'free' | 'looking' | 'over' = 'free';
  /** A machine that is held stands still by our own doing. */
  #held = false;
  #onStill: (stillness: Stillness) => void = () => undefined;
  /** Settles when the guest is dead; otherwise never. */
  readonly still: Promise<Stillness>;

  constructor(options: StillnessWatchOptions) {
    this.#options = options;
    this.still = new Promise((resolve) => (this.#onStill = resolve));
    this.#unsubscribe = options.machine.qmp.onEvent(({ name }) => {
      if (name !== 'STOP' && name !== 'RESUME') return;
      this.#held = name === 'STOP';
      this.#samples = [];
    });
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    this.#state = 'over';
    clearInterval(this.#timer);
    this.#unsubscribe();
  }

  async #look(): Promise<void> {
    const isSilent = this.#options.silentForMs() >= SILENT_MS;
    if (!isSilent) this.#samples = [];
    if (!isSilent || this.#held || this.#state !== 'free') return;
    this.#state = 'looking';
    const before = this.#samples;
    const sample = await this.#sample().catch(() => undefined);
    if (this.#isOver()) return;
    this.#state = 'free';
    // Other samples than before: it was held meanwhile.
    if (!sample || before !== this.#samples || this.#held) return;
    this.#samples = [...before, sample].slice(-KEPT_SAMPLES);
    const found = stillness(this.#samples, this.#options.isGuests);
    if (!found) return;
    this[Symbol.dispose]();
    this.#onStill(found);
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  async #sample(): Promise<Sample | undefined> {
    const { machine } = this.#options;
    const cpu = parseCpuState(await humanMonitor(machine.qmp, 'info registers'));
    const usedCpuMs = await usedCpu(machine.process.pid);
    return cpu && { atMs: performance.now(), usedCpuMs, cpu };
  }
}

async function usedCpu(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The program's name is in parentheses and may hold blanks; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : undefined;
}
