/** Registers and memory as GRUB leaves them when it enters an image at a base. */
import { entryAddress, entryKind } from '../subject/entry-kind.ts';
import type { BootImage } from '../subject/boot-image.ts';
import type { MemoryRun } from '../trace/record.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import { bootInformationBytes } from './boot-information-bytes.ts';
import { fillTables } from './efi-tables.ts';
import { fillIdentityMap, writtenMarks } from './identity-map.ts';
import { allRuns, memoryOf } from './known-memory.ts';
import type { MachineProfile } from './machine-profile.ts';

export interface EntryState {
  /** By state-layout.ts. */
  readonly words: Int32Array;
  /** All that is known outside the image, in the order in which it is to be loaded: of a byte the last one counts. */
  readonly memory: readonly MemoryRun[];
}

export interface EntryOptions {
  /** Default: the captured one's. */
  readonly commandLine?: string;
}

/** @param loadBase physical: where the byte at the link base lands; below 4 GiB */
export function entryState(
  profile: MachineProfile,
  image: BootImage,
  loadBase: number,
  { commandLine = profile.bootInformation.commandLine }: EntryOptions = {},
): EntryState {
  const { bootInformation, identityMap } = profile;
  const { memory, runs } = fixedMemory(profile);
  const information = bootInformationBytes(bootInformation, image, { loadBase, commandLine });
  const place = { address: loadBase, sizeBytes: image.loaded.loadSize };
  return {
    words: entryWords(profile, image, loadBase),
    memory: [
      ...runs,
      { address: bootInformation.address, bytes: information },
      ...(identityMap ? writtenMarks(identityMap, memory, place) : []),
    ],
  };
}

interface FixedMemory {
  readonly memory: PhysicalMemory;
  readonly runs: readonly MemoryRun[];
}

/** A check tries thousands of bases with the same machine. */
const FIXED = new WeakMap<MachineProfile, FixedMemory>();

function fixedMemory(profile: MachineProfile): FixedMemory {
  const made = FIXED.get(profile);
  if (made) return made;
  const memory = memoryOf(profile.memory);
  fillTables(profile.tables, memory);
  if (profile.identityMap) fillIdentityMap(profile.identityMap, memory);
  const fixed = { memory, runs: allRuns(memory) };
  FIXED.set(profile, fixed);
  return fixed;
}

function entryWords({ entry, firmware }: MachineProfile, image: BootImage, loadBase: number): Int32Array {
  const words = new Int32Array(STATE_WORDS);
  for (const [field, value] of Object.entries(entry.fields)) writeField(words, field, value ?? 0n);
  for (const [field, rule] of Object.entries(entry.rules))
    writeField(
      words,
      field,
      BigInt(rule === 'entry point' ? entryPoint(image, firmware, loadBase) : loadBase - 1),
    );
  return words;
}

/** Physical. GRUB 2.06 moves the entry address with the image. */
export function entryPoint(image: BootImage, firmware: 'bios' | 'efi', loadBase: number): number {
  const kind = entryKind({ image, firmware, protocol: 'multiboot2' });
  return entryAddress(image, kind) - image.loaded.linkBase + loadBase;
}
