/** Whose memory an address is in, by the PC's fixed places and the firmware's own memory map. Pure. */
import { hex } from '../bits/hex.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import type { Phase } from '../serial/landmark.ts';

const MIB = 0x10_0000n;
const GIB4 = 0x1_0000_0000n;

interface FixedPlace {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
}

/** Source: QEMU hw/i386/pc.c and x86.c: the PC's ROMs below 1 MiB and its flash below 4 GiB (at most 8 MiB of it). */
const ROMS: readonly FixedPlace[] = [
  { start: 0xc_0000n, end: 0xe_0000n, name: 'an option ROM' },
  { start: 0xe_0000n, end: MIB, name: 'the BIOS below 1 MiB' },
  { start: GIB4 - 0x80_0000n, end: GIB4, name: 'the firmware’s flash' },
];

function regionAt(pc: bigint, memoryMap: readonly MemoryRegion[] | undefined): MemoryRegion | undefined {
  return memoryMap?.find(({ start, end }) => pc >= BigInt(start) && pc < BigInt(end));
}

/** Whether code there is the firmware's, which may wait as it likes. Without a map nobody can tell: then it may be. */
export function isFirmwares(pc: bigint, memoryMap: readonly MemoryRegion[] | undefined): boolean {
  if (ROMS.some(({ start, end }) => pc >= start && pc < end)) return true;
  if (pc >= GIB4) return false;
  const use = regionAt(pc, memoryMap)?.use;
  return use !== 'free' && use !== 'loader';
}

export interface PlaceContext {
  readonly phase: Phase;
  readonly memoryMap: readonly MemoryRegion[] | undefined;
  /** Name of an address of the subject's, e.g. `trampoline_setup+0x1c`. */
  readonly symbolise: (linear: bigint) => string | undefined;
}

/** In words: `trampoline_setup+0x1c`, `GRUB (ldr-code)`, `the BIOS below 1 MiB`. */
export function placeOf(pc: bigint, { phase, memoryMap, symbolise }: PlaceContext): string {
  const symbol = phase === 'subject' ? symbolise(pc) : undefined;
  if (symbol !== undefined) return symbol;
  const rom = ROMS.find(({ start, end }) => pc >= start && pc < end);
  if (rom) return rom.name;
  const region = regionAt(pc, memoryMap);
  switch (region?.use) {
    case undefined:
      if (phase === 'loader' && !memoryMap) return 'GRUB or the firmware';
      return pc < GIB4 && memoryMap ? 'no memory of the map' : 'no known place';
    case 'free':
      return phase === 'loader' ? 'GRUB' : `memory that was free (from ${hex(region.start)})`;
    case 'loader':
      return `GRUB (${region.label})`;
    case 'boot-services':
    case 'reserved':
      return `the firmware (${region.label})`;
  }
}
