/**
 * The firmware's memory map as GRUB prints it: `lsefimmap` (UEFI) and `lsmmap` (BIOS, E820).
 * Source of the formats: grub-core/commands/efi/lsefimmap.c, grub-core/commands/lsmmap.c.
 */
import type { Firmware } from './firmware-kind.ts';

/** free: conventional; loader: GRUB's own, free again once the image runs; the rest is not GRUB's to give. */
export type RegionUse = 'free' | 'loader' | 'boot-services' | 'reserved';

export interface MemoryRegion {
  readonly start: number;
  /** First byte past the region. */
  readonly end: number;
  readonly use: RegionUse;
  /** The firmware's own word for it: `conv-mem`, `ACPI-nvs`, `reserved RAM`. */
  readonly label: string;
}

export class MemoryMapError extends Error {
  override readonly name = 'MemoryMapError';
}

const USE_BY_EFI_LABEL: Readonly<Record<string, RegionUse>> = {
  'conv-mem': 'free',
  'ldr-code': 'loader',
  'ldr-data': 'loader',
  'BS-code': 'boot-services',
  'BS-data': 'boot-services',
};

const EFI_LINE = /^(.{9}) ?([0-9a-f]{16})-([0-9a-f]{16}) [0-9a-f]{8} /;
const E820_LINE = /^base_addr = 0x([0-9a-f]+), length = 0x([0-9a-f]+), (.+)$/;

/** The end of the range is given inclusively by lsefimmap. Addresses past 2^53 are cut there: nothing boots above 4 GiB. */
function address(hex: string): number {
  const value = BigInt(`0x${hex}`);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function parseEfiLine(line: string): MemoryRegion | undefined {
  const match = EFI_LINE.exec(line);
  if (!match) return undefined;
  const label = (match[1] ?? '').trim();
  return {
    start: address(match[2] ?? ''),
    end: address(match[3] ?? '') + 1,
    use: USE_BY_EFI_LABEL[label] ?? 'reserved',
    label,
  };
}

function parseE820Line(line: string): MemoryRegion | undefined {
  const match = E820_LINE.exec(line);
  if (!match) return undefined;
  const start = address(match[1] ?? '');
  const label = (match[3] ?? '').trim();
  return {
    start,
    end: start + address(match[2] ?? ''),
    use: label.startsWith('available') ? 'free' : 'reserved',
    label,
  };
}

/** A hostile console cannot make us hold more than this. */
const MAX_REGIONS = 4096;

/**
 * The regions as printed: in that order, empty ones and all. @throws MemoryMapError as parseMemoryMap does.
 */
export function printedMemoryMap(lines: readonly string[], firmware: Firmware): MemoryRegion[] {
  const parseLine = firmware === 'efi' ? parseEfiLine : parseE820Line;
  const regions = lines.map(parseLine).filter((region) => region !== undefined);
  if (regions.length === 0)
    throw new MemoryMapError(
      `no memory map in ${lines.length} console lines; first: ${JSON.stringify(lines[0] ?? '')}`,
    );
  if (regions.length > MAX_REGIONS)
    throw new MemoryMapError(`${regions.length} memory regions; at most ${MAX_REGIONS} are believed`);
  return regions;
}

/**
 * @param lines console lines between `loadbase: memory map` and `loadbase: memory map end`.
 * @returns regions in ascending order, as printed otherwise.
 * @throws MemoryMapError where no line of the expected form is there, or absurdly many are.
 */
export function parseMemoryMap(lines: readonly string[], firmware: Firmware): MemoryRegion[] {
  return inOrder(printedMemoryMap(lines, firmware));
}

/** Ascending, empty regions left out. */
export function inOrder(regions: readonly MemoryRegion[]): MemoryRegion[] {
  return regions.filter((region) => region.end > region.start).sort((a, b) => a.start - b.start);
}
