/** Deaths that QEMU tells nobody: an exception that stopped the firmware, a CPU that stands still. */
import type { LoaderReport } from '../grub/console.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { Machine } from '../qemu/launch.ts';
import type { SerialConsole } from '../serial/serial-console.ts';
import type { BootEnd } from './boot-end.ts';
import { parseFirmwareException } from './firmware-exception.ts';
import { isFirmwares } from './place.ts';
import { StillnessWatch } from './stillness-watch.ts';

/** Between the exception's first line and the one that names the image: the registers, some milliseconds. */
const EXCEPTION_TOLD_MS = 1500;

export interface GuestWatchOptions {
  readonly machine: Machine;
  readonly console: SerialConsole;
  readonly deadline: Deadline;
  readonly loaderReport: () => LoaderReport;
}

export class GuestWatch implements Disposable {
  readonly #stillness: StillnessWatch;
  /** Settles when the guest is dead; otherwise never. */
  readonly died: Promise<BootEnd>;

  constructor({ machine, console, deadline, loaderReport }: GuestWatchOptions) {
    let report: LoaderReport | undefined;
    this.#stillness = new StillnessWatch({
      machine,
      // A firmware waits as it likes, and says nothing for seconds.
      silentForMs: () => (console.phase === 'firmware' ? 0 : console.silentForMs),
      isGuests: (pc) => {
        if (console.phase !== 'subject') return false;
        report ??= loaderReport();
        return !isFirmwares(pc, report.memoryMap);
      },
    });
    const still = this.#stillness.still.then((stillness): BootEnd => {
      return { kind: 'still', phase: console.phase, stillness };
    });
    const exception =
      machine.spec.firmware.kind === 'efi'
        ? firmwareException(console, deadline)
        : new Promise<never>(() => undefined);
    this.died = Promise.race([still, exception]);
  }

  [Symbol.dispose](): void {
    this.#stillness[Symbol.dispose]();
  }
}

/** Never settles where none is told: whoever else waits for the console has the end of it. */
async function firmwareException(console: SerialConsole, deadline: Deadline): Promise<BootEnd> {
  try {
    await console.waitFor(['firmware exception'], deadline);
  } catch {
    return new Promise<never>(() => undefined);
  }
  await console.waitFor(['firmware exception told'], deadline.cut(EXCEPTION_TOLD_MS)).catch(() => undefined);
  const exception = parseFirmwareException(console.text());
  return exception ? { kind: 'exception', exception } : new Promise<never>(() => undefined);
}
