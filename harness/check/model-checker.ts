/** The checker that the workers use: an image in the model, in the first machine that leaves a base free. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { alignUp, MIB } from '../bits/align.ts';
import { leavesAlone, parseMachineProfile, type MachineProfile } from '../profile/machine-profile.ts';
import { watchedOperations, type SanitizerSlot } from '../sanitizer/watched-operation.ts';
import { parseBootImage, type BootImage } from '../subject/boot-image.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';
import { projectRoot } from '../workdir/project-root.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { imageVersion } from '../xen/image-version.ts';
import { type Checker, knownSymbols, type MakeChecker } from './checker.ts';
import type { BaseResult, EntryName } from './contract.ts';
import { MachineSurroundings } from './machine-surroundings.ts';
import { OfflineBoot } from './offline-boot.ts';
import { OfflineCheck } from './offline-check.ts';
import { XenKnowledge } from './xen-knowledge.ts';

/** Captured machines, the usual one first: the other has its firmware elsewhere. */
const PROFILES: Readonly<Record<EntryName, readonly string[]>> = {
  bios: ['machine-bios.json'],
  efi: ['machine-efi.json', 'machine-efi-512.json'],
};
/** A reference base lies above what firmware and loader have, and above most link-time ranges. */
const REFERENCE_FROM = 64 * MIB;
const SLOT = 2 * MIB;

/** @throws UnknownImageError for what is no Xen with symbols; NodeJS.ErrnoException, MachineProfileError */
export const makeModelChecker: MakeChecker = async (data, entry) => {
  const image = parseBootImage(data.image);
  const symbolFile = knownSymbols(data);
  const symbols = new ImageSymbols(symbolFile, image.loaded.linkBase);
  const profiles = await Promise.all(PROFILES[entry].map(readProfile));
  const slot: SanitizerSlot = { current: undefined };
  const disassembler = await loadDisassembler();
  const store = new CodeStore(disassembler, watchedOperations(slot));
  const knowledge = () => new XenKnowledge(symbols, image.loaded, imageVersion(symbols, disassembler));
  const master = loadedBytes(image);
  return new MachinesChecker(image, profiles, (profile) => {
    const around = new MachineSurroundings(profile, image);
    const loaded = { master, linkBase: image.loaded.linkBase };
    const known = knowledge();
    const boot = new OfflineBoot(loaded, around, known, store, slot);
    return new OfflineCheck(boot, known, referenceBase(image, profile));
  });
};

/** One model a machine, made when a base first needs it. */
class MachinesChecker implements Checker {
  readonly #checks = new Map<MachineProfile, OfflineCheck>();

  constructor(
    readonly image: BootImage,
    readonly profiles: readonly MachineProfile[],
    readonly make: (profile: MachineProfile) => OfflineCheck,
  ) {}

  at(loadBase: number): BaseResult {
    const { loadSize } = this.image.loaded;
    const free = this.profiles.find((profile) => leavesAlone(profile, loadBase, loadBase + loadSize));
    const profile = free ?? this.profiles[0];
    if (!profile) throw new Error('an entry has at least one machine');
    const check = this.#checks.get(profile) ?? this.make(profile);
    this.#checks.set(profile, check);
    return check.at(loadBase);
  }
}

function referenceBase({ loaded }: BootImage, profile: MachineProfile): number {
  const { linkBase, loadSize } = loaded;
  let base = Math.max(REFERENCE_FROM, alignUp(linkBase + loadSize, SLOT));
  while (!leavesAlone(profile, base, base + loadSize)) base += SLOT;
  return base;
}

/** As a loader leaves it: the file's bytes, zeros where a segment has none. */
function loadedBytes({ bytes, loaded }: BootImage): Uint8Array {
  const master = new Uint8Array(loaded.loadSize);
  for (const { paddr, offset, filesz } of loaded.segments)
    master.set(bytes.subarray(offset, offset + filesz), Number(paddr) - loaded.linkBase);
  return master;
}

async function readProfile(name: string): Promise<MachineProfile> {
  return parseMachineProfile(await readFile(join(projectRoot(), 'results', 'golden', name), 'utf8'));
}
