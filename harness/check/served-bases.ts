/** At which bases some machine, whose answers are known, leaves an image its place. */
import { leavesAlone, type MachineProfile } from '../profile/machine-profile.ts';
import { entryKind } from '../subject/entry-kind.ts';
import type { BootImage } from '../subject/boot-image.ts';
import type { EntryName } from './contract.ts';
import type { CheckJob } from './workers/check-job.ts';

export interface ServedBases {
  /** By entry, in the order given; an entry that is served nowhere has none. */
  readonly served: readonly CheckJob[];
  /** The rest; an entry that is served everywhere is absent. */
  readonly unserved: readonly UnservedBases[];
}

export interface UnservedBases extends CheckJob {
  readonly because:
    /** No machine is of this entry’s firmware. */
    | { readonly kind: 'no machine' }
    /** GRUB enters it otherwise there than any image that was captured. */
    | { readonly kind: 'no such entry' }
    /** In words, whose memory lies there: `low memory and boot information`. */
    | { readonly kind: 'occupied'; readonly by: readonly string[] };
}

/** How images were entered that the machines were captured with. */
const CAPTURED = { bios: 'multiboot32', efi: 'efi64' } as const;

/** The same choice as a checker makes for each base. */
export function servedBases(
  machines: readonly MachineProfile[],
  entries: readonly EntryName[],
  bases: readonly number[],
  image: BootImage,
): ServedBases {
  const parted = entries.map((entry) => partedBases(machines, entry, bases, image));
  return {
    served: parted.map(({ served }) => served),
    unserved: parted.map(({ unserved }) => unserved).filter((one) => one.bases.length > 0),
  };
}

function partedBases(
  machines: readonly MachineProfile[],
  entry: EntryName,
  bases: readonly number[],
  image: BootImage,
): { readonly served: CheckJob; readonly unserved: UnservedBases } {
  const isCaptured = entryKind({ image, firmware: entry, protocol: 'multiboot2' }) === CAPTURED[entry];
  const own = isCaptured ? machines.filter(({ firmware }) => firmware === entry) : [];
  const size = image.loaded.loadSize;
  const isServed = (base: number) => own.some((machine) => leavesAlone(machine, base, base + size));
  const without = bases.filter((base) => !isServed(base));
  const because: UnservedBases['because'] = !isCaptured
    ? { kind: 'no such entry' }
    : own.length === 0
      ? { kind: 'no machine' }
      : { kind: 'occupied', by: keepersOf(own, without, size) };
  return {
    served: { entry, bases: bases.filter(isServed) },
    unserved: { entry, bases: without, because },
  };
}

function keepersOf(
  machines: readonly MachineProfile[],
  bases: readonly number[],
  sizeBytes: number,
): string[] {
  const inTheWay = machines
    .flatMap(({ occupied }) => occupied)
    .filter(({ start, end }) => bases.some((base) => base < end && base + sizeBytes > start));
  return [...new Set(inTheWay.map(({ what }) => what))];
}
