/** The checker that workers use: an image in the model, in the first machine that leaves it its place at a base. */
import { parseMachineProfile } from '../profile/machine-profile.ts';
import { watchedOperations } from '../sanitizer/watched-operation.ts';
import type { SanitizerSlot } from '../sanitizer/sanitizer-slot.ts';
import { parseBootImage, type BootImage } from '../subject/boot-image.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import type { CheckedImageData, Checker, MakeChecker } from './checker.ts';
import type { BaseResult, EntryName } from './contract.ts';
import type { ImageChange } from './image-pages.ts';
import type { Knowledge } from './knowledge.ts';
import { knowledgeOf } from './knowledge-of.ts';
import { loadedBytes } from './loaded-bytes.ts';
import { MachineSurroundings } from './machine-surroundings.ts';
import { OfflineBoot } from './offline-boot.ts';
import { OfflineCheck } from './offline-check.ts';

/** No machine profile serves an entry, or a base. */
export class NoMachineError extends Error {
  override readonly name = 'NoMachineError';
}

/** @throws NoMachineError, MachineProfileError; what parsing the image throws: a caller has parsed it before. */
export const makeModelChecker: MakeChecker = (data, entry) => modelOf(data, entry);

/** @throws as makeModelChecker */
export async function modelOf(data: CheckedImageData, entry: EntryName): Promise<ImageChecker> {
  const disassembler = await loadDisassembler();
  const image = parseBootImage(data.image);
  return new ImageChecker(
    image,
    knowledgeOf(
      { subject: data.subject, loaded: image.loaded, symbols: symbolsOf(data, image) },
      disassembler,
    ),
    machinesFor(data, entry),
    disassembler,
  );
}

function machinesFor({ machines }: CheckedImageData, entry: EntryName) {
  const found = machines.map(parseMachineProfile).filter(({ firmware }) => firmware === entry);
  if (found.length > 0) return found;
  throw new NoMachineError(`no machine profile is of ${entry} firmware; npm run promote-machine makes one`);
}

function symbolsOf({ subject, symbols }: CheckedImageData, image: BootImage): ImageSymbols | undefined {
  if (subject === 'kernel') return ImageSymbols.ofImage(image);
  return symbols && new ImageSymbols(symbols, image.loaded.linkBase);
}

interface Machine {
  readonly around: MachineSurroundings;
  readonly boot: () => OfflineBoot;
  readonly check: () => OfflineCheck;
}

export class ImageChecker implements Checker {
  readonly #machines: readonly Machine[];

  constructor(
    readonly image: BootImage,
    readonly knowledge: Knowledge,
    profiles: readonly ReturnType<typeof parseMachineProfile>[],
    readonly disassembler: Disassembler,
  ) {
    const slot: SanitizerSlot = { current: undefined };
    const store = new CodeStore(disassembler, watchedOperations(slot));
    const bytes = loadedBytes(image);
    this.#machines = profiles.map((profile) => {
      const boot = () =>
        new OfflineBoot(bytes, new MachineSurroundings(profile, image), knowledge, store, slot);
      let check: OfflineCheck | undefined;
      return {
        around: new MachineSurroundings(profile, image),
        boot,
        check: () => (check ??= new OfflineCheck(boot, knowledge, bytes)),
      };
    });
  }

  at(loadBase: number, changes?: readonly ImageChange[]): BaseResult {
    return this.#machineAt(loadBase).check().at(loadBase, changes);
  }

  /** Another boot of the same image, in the machine that serves a base. @throws NoMachineError */
  bootAt(loadBase: number): OfflineBoot {
    return this.#machineAt(loadBase).boot();
  }

  #machineAt(loadBase: number): Machine {
    const { loadSize } = this.image.loaded;
    const machine = this.#machines.find(({ around }) => around.leavesPlace(loadBase, loadSize));
    if (machine) return machine;
    throw new NoMachineError(
      `no machine profile leaves room for the image at ${loadBase.toString(16)}; promote another machine`,
    );
  }
}
