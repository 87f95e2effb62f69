/** A machine profile as what stands around an image. */
import { entryState } from '../profile/entry-state.ts';
import { FirmwareStandIn } from '../profile/firmware-stand-in.ts';
import { MachineInputs, UnansweredError } from '../profile/machine-inputs.ts';
import { leavesAlone, type MachineProfile } from '../profile/machine-profile.ts';
import type { BootImage } from '../subject/boot-image.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { HARDWARE, TCG } from '../x86/execute/habits.ts';
import type { Surroundings } from './surroundings.ts';

export class MachineSurroundings implements Surroundings {
  readonly entry: Surroundings['entry'];
  readonly habits: Surroundings['habits'];
  readonly inputs: MachineInputs;
  readonly #profile: MachineProfile;
  readonly #image: BootImage;
  readonly #firmware: FirmwareStandIn;

  constructor(profile: MachineProfile, image: BootImage) {
    this.entry = profile.firmware;
    this.habits = profile.accelerator === 'tcg' ? TCG : HARDWARE;
    this.inputs = new MachineInputs(profile);
    this.#profile = profile;
    this.#image = image;
    this.#firmware = new FirmwareStandIn(profile, image.loaded.linkBase);
  }

  entryState(loadBase: number): ReturnType<Surroundings['entryState']> {
    return entryState(this.#profile, this.#image, loadBase);
  }

  reset(loadBase: number): void {
    this.inputs.reset();
    this.#firmware.reset(loadBase);
  }

  consoleText(): string {
    return this.inputs.serialText;
  }

  answer(cpu: Cpu): string | undefined {
    return this.#firmware.answer(cpu)?.what;
  }

  unanswered(error: unknown): string | undefined {
    return error instanceof UnansweredError ? error.what : undefined;
  }

  /** Whether an image has its place in this machine: nothing of the machine's own lies there. */
  leavesPlace(start: number, sizeBytes: number): boolean {
    return leavesAlone(this.#profile, start, start + sizeBytes);
  }
}
