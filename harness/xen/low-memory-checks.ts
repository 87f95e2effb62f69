/** What Xen's early boot does below 1 MiB. Source: xen/arch/x86/boot/head.S (4.14–4.17). */
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import {
  equal,
  holds,
  readU32,
  type GuestView,
  type MemoryView,
  type Observation,
} from '../guest/guest-view.ts';
import { parseMultiboot1Information } from '../multiboot2/multiboot1-information.ts';
import type { SymbolisedSubject } from '../subject/loaded-subject.ts';

/** What was laid there stands there still, word by word (e58a2858d5). @param laid whole words of 32 bits. */
export async function checkUntouched(
  guest: MemoryView,
  address: number,
  laid: Uint8Array,
): Promise<Observation[]> {
  const seen = new ByteReader(await guest.readPhysical(address, laid.length), hex(address));
  const wanted = new ByteReader(laid, 'what was laid');
  const offsets = Array.from({ length: laid.length / 4 }, (_, i) => 4 * i);
  const wrong = offsets
    .filter((at) => seen.u32(at) !== wanted.u32(at))
    .map((at) => `${hex(address + at, 1)} is ${hex(seen.u32(at), 1)}, not ${hex(wanted.u32(at), 1)}`);
  const range = `${hex(address, 1)}–${hex(address + laid.length - 1, 1)}`;
  return [holds(wrong.length === 0, `${range} holds what it held`, wrong.join('; '))];
}

export interface LowMemoryFigures {
  /** Segment at 0x40e. */
  readonly ebda: number;
  /** Base memory at 0x413. */
  readonly baseKib: number;
  /** What the boot loader calls lower memory; undefined: nothing. */
  readonly lowerKib: number | undefined;
}

const EBDA_MIN = 0x4000;
const EBDA_END = 0xa000;
const LOWER_MIN_KIB = 0x100;
/** KiB → segments of 16 bytes. */
const KIB_SHIFT = 6;
/** The trampoline's 64 KiB, in such segments. */
const WINDOW = 0x1000;

/**
 * Where Xen must put its trampoline on BIOS: below an EBDA that can be believed, else below base memory, and below what
 * the loader says; page aligned (46fce9fd2b, 5e5e2d2a34).
 */
export function trampolinePlace({ ebda, baseKib, lowerKib = 0 }: LowMemoryFigures): number {
  const isBelievable = ebda >= EBDA_MIN && ebda < EBDA_END;
  const own = isBelievable ? ebda : baseKib << KIB_SHIFT;
  const end = lowerKib >= LOWER_MIN_KIB ? Math.min(own, lowerKib << KIB_SHIFT) : own;
  return ((end - WINDOW) & ~0xff) << 4;
}

/** After reloc(): %eax points to its copy of the boot information. */
export async function checkTrampolineFigure(
  guest: GuestView,
  { symbols, physicalStart }: SymbolisedSubject,
): Promise<Observation[]> {
  const bios = new ByteReader(await guest.readPhysical(0x40e, 7), 'BIOS data');
  const address = Number(guest.registers.rax & 0xffff_ffffn);
  const { memLowerKib } = parseMultiboot1Information(await guest.readPhysical(address, 116));
  const figures = { ebda: bios.u16(0), baseKib: bios.u16(5), lowerKib: memLowerKib };
  const from = `EBDA ${hex(figures.ebda, 4)}, base memory ${figures.baseKib} KiB, lower memory ${memLowerKib ?? '?'} KiB`;
  const chosen = await readU32(guest, symbols.linkTime('trampoline_phys') + physicalStart);
  return [equal(`trampoline_phys (${from})`, chosen, trampolinePlace(figures))];
}
