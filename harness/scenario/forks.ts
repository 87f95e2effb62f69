/** Which frozen machine a planned instance goes on from. */
import type { FrozenMachine } from '../boot/frozen-machine.ts';
import { FrozenMachines, type FrozenMachinesOptions, type FrozenSpec } from '../boot/frozen-machines.ts';
import { archiveSizeBytes } from '../image/payload.ts';
import { driveSizeBytes } from '../image/payload-drive.ts';
import { firmwareKey, type Artifacts } from './artifacts.ts';
import type { ReadyInstance } from './plan.ts';

/** Its size does not depend on what it says. */
const CHOICE = { choice: 'any', mode: 'boot' } as const;

export class Forks {
  readonly #artifacts: Artifacts;
  readonly #frozen: FrozenMachines;

  constructor(artifacts: Artifacts, options: Omit<FrozenMachinesOptions, 'qemu'>) {
    this.#artifacts = artifacts;
    this.#frozen = new FrozenMachines({ ...options, qemu: artifacts.qemu });
  }

  /** The same for instances that share a frozen machine. */
  key(planned: ReadyInstance): Promise<string> {
    return this.#frozen.key(this.#wanted(planned));
  }

  /** undefined: boot cold; why was told. @throws the signal's reason on abort. */
  find(planned: ReadyInstance): Promise<FrozenMachine | undefined> {
    return this.#frozen.find(this.#wanted(planned));
  }

  /** No fork goes on from what {@link find} gave. */
  giveBack(planned: ReadyInstance, reason: string): Promise<void> {
    return this.#frozen.giveBack(this.#wanted(planned), reason);
  }

  #wanted(planned: ReadyInstance): FrozenSpec {
    const { instance, spec, subject, given } = planned;
    // What its tag says does not change its size.
    const payload = { choice: CHOICE, kernel: subject.image.bytes, modules: given.modules ?? [] };
    const found = this.#artifacts.firmware.get(firmwareKey(instance.firmware, instance.machine));
    return {
      spec,
      driveSizeBytes: driveSizeBytes(archiveSizeBytes(payload)),
      firmwareSha256: typeof found === 'object' ? (found.sha256 ?? null) : null,
    };
  }
}
