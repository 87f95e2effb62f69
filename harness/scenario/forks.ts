/** Which frozen machine a planned instance goes on from. */
import { causeInWords } from '../boot/freeze-faults.ts';
import type { FrozenMachine } from '../boot/frozen-machine.ts';
import { FrozenMachines, type FrozenMachinesOptions } from '../boot/frozen-machines.ts';
import type { FrozenSpec } from '../boot/frozen-request.ts';
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

  /** The same for instances that share a frozen machine; undefined where there can be none, which {@link find} tells. */
  async key(planned: ReadyInstance): Promise<string | undefined> {
    try {
      return await this.#frozen.key(this.#wanted(planned));
    } catch {
      return undefined;
    }
  }

  /** undefined: boot cold; why was told. @throws PayloadError; the signal's reason on abort. */
  async find(planned: ReadyInstance): Promise<FrozenMachine | undefined> {
    return this.#frozen.find(this.#wanted(planned));
  }

  /** No fork goes on from what {@link find} gave. */
  async giveBack(planned: ReadyInstance, machine: FrozenMachine, error: Error): Promise<void> {
    await this.#frozen.giveBack(this.#wanted(planned), machine, causeInWords(error));
  }

  /** The host cannot fork now, whatever {@link find} gave. */
  tellHostFault(error: Error): void {
    this.#frozen.tellHostFault(error);
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
