/**
 * The cases of GRUB's conformance to the relocatable header tag: windows × alignments × preferences, each chosen for what
 * it can tell. Names do not depend on the memory map; windows whose addresses do are resolved to numbers per map.
 */
import { GIB, KIB, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { LoadPreference, RelocationWindow } from '../multiboot2/header-tags.ts';
import type { Firmware } from './firmware-kind.ts';
import type { MemoryRegion } from './memory-map.ts';
import { mapWindows, type MapWindowName } from './map-windows.ts';
import { ADDRESS_LIMIT, type Range, usableMemory } from './window-rules.ts';

const PAGE = 4 * KIB;
const TOP = ADDRESS_LIMIT - 1;

type Limits = readonly [minAddr: number, maxAddr: number];
type Choice = readonly [align: number, ...preferences: LoadPreference[]];

interface WindowRow {
  /** What the window can tell. */
  readonly reason: string;
  readonly choices: readonly Choice[];
  /** `{}`: both. */
  readonly firmware?: Firmware;
}

interface FixedRow extends WindowRow {
  readonly limits: (sizeBytes: number) => Limits;
}

const from = 32 * MIB;

/** Windows that are the same on every machine. */
const FIXED = {
  anywhere: {
    reason: 'all of the 32-bit space: the choice is the preference’s and the alignment’s',
    limits: () => [0, TOP],
    choices: [
      [1, 'high'],
      [PAGE, 'none', 'low', 'high'],
      [2 * MIB, 'low', 'high'],
      [256 * MIB, 'high'],
      [GIB, 'low', 'high'],
    ],
  },
  'from-1mib': {
    reason: 'where most images begin: the first byte of memory above the BIOS',
    limits: () => [MIB, TOP],
    choices: [
      [PAGE, 'none', 'low'],
      [2 * MIB, 'none'],
    ],
  },
  'low-16mib': {
    reason: 'a window with firmware in it under UEFI, and an end within RAM',
    limits: () => [MIB, 16 * MIB],
    choices: [[PAGE, 'low', 'high']],
  },
  middle: {
    reason: 'free memory throughout: both ends are to be met exactly',
    limits: () => [from, 2 * from],
    choices: [
      [PAGE, 'none', 'low', 'high'],
      [2 * MIB, 'low', 'high'],
      [16 * MIB, 'high'],
    ],
  },
  'odd-ends': {
    reason: 'ends that are no multiple of anything: rounding up from the minimum and down from the maximum',
    limits: () => [0x234_5678, 0x432_1fed],
    choices: [
      [1, 'low', 'high'],
      [64 * KIB, 'low', 'high'],
    ],
  },
  exact: {
    reason: 'min = max − size: one place, and the maximum is where the image ends',
    limits: (size) => [from, from + size],
    choices: [[PAGE, 'none', 'low', 'high']],
  },
  'exact-odd': {
    reason: 'one place that is no multiple of anything',
    limits: (size) => [from + 1, from + 1 + size],
    choices: [[1, 'none']],
  },
  'one-byte-short': {
    reason: 'one byte less than the image needs',
    limits: (size) => [from, from + size - 1],
    choices: [[PAGE, 'none']],
  },
  'one-byte-more': {
    reason: 'one byte more than the image needs is no second place',
    limits: (size) => [from, from + size + 1],
    choices: [[PAGE, 'high']],
  },
  'two-images': {
    reason: 'room for two: the highest place ends at the maximum',
    limits: (size) => [from, from + 2 * size],
    choices: [[PAGE, 'high']],
  },
  inverted: {
    reason: 'a minimum above the maximum',
    limits: () => [2 * from, from],
    choices: [[PAGE, 'none']],
  },
  'smaller-than-image': {
    reason: 'max < size: the subtraction must not wrap',
    limits: (size) => [0, size - 1],
    choices: [[PAGE, 'none']],
  },
  'below-1mib': {
    reason: 'nothing but the PC’s low memory, without its first page',
    limits: () => [PAGE, MIB],
    choices: [[PAGE, 'none', 'low', 'high']],
  },
  'around-1mib': {
    reason: 'the hole below 1 MiB in the middle',
    limits: (size) => [0x9_8000, MIB + 2 * size],
    choices: [[PAGE, 'low']],
  },
  'top-of-4gib': {
    reason: 'min = max − size at max 0xffffffff: firmware’s flash, and sums that must not wrap',
    limits: (size) => [TOP - size, TOP],
    choices: [[1, 'none']],
  },
  'beyond-memory': {
    reason: 'addresses without memory',
    limits: () => [0xd000_0000, 0xe000_0000],
    choices: [[PAGE, 'none']],
  },
  'alignment-past-4gib': {
    reason: 'the minimum rounds up to 4 GiB, which has no 32 bits: there is no place',
    limits: () => [3 * GIB + 1, TOP],
    choices: [[GIB, 'low']],
  },
  'alignment-wider-than-window': {
    reason: 'max < 2 × size and no multiple of the alignment: there is no place',
    limits: (size) => [PAGE, 2 * size - PAGE],
    choices: [[16 * MIB, 'low', 'high']],
  },
  'between-multiples': {
    reason: 'room enough, but no multiple of the alignment',
    limits: () => [33 * MIB, 47 * MIB],
    choices: [[16 * MIB, 'none']],
  },
  'one-multiple': {
    reason: 'one multiple of the alignment, and the image ends at the maximum',
    limits: (size) => [33 * MIB, 48 * MIB + size],
    choices: [[16 * MIB, 'low', 'high']],
  },
  'alignment-0': {
    reason: 'no alignment',
    limits: () => [from + 1, 2 * from],
    choices: [[0, 'low']],
  },
  'alignment-no-power': {
    reason: 'an alignment that is no power of two, which the specification does not ask for',
    limits: () => [from, 128 * MIB],
    choices: [[0x3000, 'low']],
  },
} as const satisfies Readonly<Record<string, FixedRow>>;

const BY_MAP: Readonly<Record<MapWindowName, WindowRow>> = {
  'straddles-firmware': {
    reason: 'free memory on one side of firmware or both: no part of the image may lie in it',
    choices: [[PAGE, 'none', 'low', 'high']],
  },
  'firmware-owned': {
    reason: 'nothing but memory that the firmware keeps',
    choices: [[PAGE, 'none', 'high']],
  },
  'ends-at-firmware': { reason: 'the last place before firmware', choices: [[PAGE, 'none']] },
  'into-firmware': { reason: 'one page too far into firmware', choices: [[PAGE, 'none']] },
  'after-firmware': { reason: 'the first place after firmware', choices: [[PAGE, 'none']] },
  'out-of-firmware': { reason: 'one page too early after firmware', choices: [[PAGE, 'none']] },
  'highest-memory': {
    reason: 'the highest free memory, where a loader likes to be itself',
    choices: [[PAGE, 'low', 'high']],
  },
  'top-of-memory': { reason: 'the last place in RAM', choices: [[PAGE, 'none']] },
  'across-descriptors': {
    reason: 'free memory in two neighbouring descriptors of the map',
    choices: [[PAGE, 'none']],
    firmware: 'efi',
  },
  'lowest-but-half': {
    reason: 'half an image above the lowest place, where a loader may have put something',
    choices: [[PAGE, 'none']],
  },
};

export interface WindowCase {
  /** `<window>-<alignment>-<preference>`, e.g. `middle-0x200000-high`: stable, and a file name. */
  readonly name: string;
  readonly window: keyof typeof FIXED | MapWindowName;
  readonly align: number;
  readonly preference: LoadPreference;
  readonly reason: string;
}

/** All cases for the firmware, in an order that does not change; names are distinct. */
export function windowCases(firmware: Firmware): WindowCase[] {
  return [...Object.entries<WindowRow>(FIXED), ...Object.entries<WindowRow>(BY_MAP)]
    .filter(([, row]) => row.firmware === undefined || row.firmware === firmware)
    .flatMap(([window, { reason, choices }]) =>
      choices.flatMap(([align, ...preferences]) =>
        preferences.map((preference) => ({
          name: `${window}-${hex(align, 1)}-${preference}`,
          window: window as WindowCase['window'],
          ...{ align, preference, reason },
        })),
      ),
    );
}

export interface ImageOnMap {
  readonly map: readonly MemoryRegion[];
  readonly sizeBytes: number;
  readonly keepsBootServices?: boolean;
}

/** The case's window for this image on this map, or, in words, why the map has none. */
export function resolveWindow(
  { window, align, preference }: Pick<WindowCase, 'window' | 'align' | 'preference'>,
  image: ImageOnMap,
): RelocationWindow | string {
  const limits = isFixed(window) ? FIXED[window].limits(image.sizeBytes) : limitsOnMap(window, image);
  if (typeof limits === 'string') return limits;
  return { minAddr: limits[0], maxAddr: limits[1], align, preference };
}

function isFixed(window: WindowCase['window']): window is keyof typeof FIXED {
  return window in FIXED;
}

function limitsOnMap(
  window: MapWindowName,
  { map, sizeBytes, keepsBootServices = false }: ImageOnMap,
): Limits | string {
  const usable: Range[] = usableMemory(map, { keepsBootServices });
  const found = mapWindows(map, usable, sizeBytes)[window];
  return found
    ? [found.start, found.end]
    : `this memory map has no window “${window}” for ${hex(sizeBytes, 1)} bytes`;
}
