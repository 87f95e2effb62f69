/**
 * Who owns memory once Xen has made all its reservations: Xen itself, wherever it has moved to, the modules where Xen has
 * moved them, and the crash kernel's area. Source: __start_xen in xen/arch/x86/setup.c, init_frametable in mm.c (4.14–4.17).
 */
import { isAligned, MIB } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { equal, equalCount, holds, type GuestView, type Observation } from '../guest/guest-view.ts';
import type { MapRegion, Part } from '../layout/layout-map.ts';
import type { SymbolisedSubject } from '../subject/loaded-subject.ts';

const PAGE = 4096n;
/** Xen maps itself with pages of this size. */
const SUPERPAGE = 2 * MIB;
/** The directmap, which most of Xen's pointers point into by then. Source: asm-x86/config.h. */
const DIRECTMAP_START = 0xffff_8300_0000_0000n;
/** xen/include/xen/multiboot.h, struct of a module, where Xen keeps page frame and size in its two addresses. */
const ENTRY_BYTES = 16;
/** No loader of ours hands over as many; what is read is the guest's word. */
const MAX_MODULES = 64;
const CR3_ADDRESS = 0x000f_ffff_ffff_f000n;

/** Xen as it is now: the top-level page table is in its image, so CR3 tells where that is. */
export function whereXenIs({ registers }: GuestView, subject: SymbolisedSubject): SymbolisedSubject {
  const { symbols, image } = subject;
  const physicalStart = Number(registers.cr3 & CR3_ADDRESS) - symbols.linkTime('idle_pg_table');
  return { ...subject, physicalStart, loadBase: physicalStart + image.loaded.linkBase };
}

/** The stop itself: Xen knows where it is, and has not lost a module. */
export async function checkReserved(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const here = whereXenIs(guest, subject);
  const { physicalStart } = here;
  const aligned = holds(
    physicalStart >= 0 && isAligned(physicalStart, SUPERPAGE),
    `by CR3 Xen is at ${hex(here.loadBase)}`,
    `CR3 ${hex(guest.registers.cr3)} puts Xen at no multiple of 2 MiB`,
  );
  if (!aligned.ok) return [aligned];
  const start = (await variable(guest, here, 'xen_phys_start', 8)).u64(0);
  const count = (await variable(guest, here, 'nr_initial_images', 4)).u32(0);
  return [
    aligned,
    equal('xen_phys_start', start, physicalStart),
    equalCount('modules', count, subject.moduleCount),
  ];
}

export interface Reserved {
  /** All that is owned; what must lie in RAM, and what need not. */
  readonly parts: readonly Part[];
  /** Where the bytes stand that the loader was given, without the room that Xen has added before them. */
  readonly contents: readonly Part[];
}

/** @throws where what Xen keeps about its modules cannot be believed. */
export async function reservedParts(guest: GuestView, subject: SymbolisedSubject): Promise<Reserved> {
  const here = whereXenIs(guest, subject);
  const end = here.loadBase + here.image.loaded.loadSize;
  const modules = await modulesOf(guest, here);
  return {
    parts: [
      // What pads it to 2 MiB Xen gives away, too: 4.17 puts a module there.
      { name: 'Xen', start: here.loadBase, end },
      ...modules,
      ...(await crashArea(guest, here)),
    ],
    contents: modules.map((module, n) => ({
      ...module,
      start: module.end - (subject.modules?.[n]?.length ?? module.end - module.start),
    })),
  };
}

async function modulesOf(guest: GuestView, here: SymbolisedSubject): Promise<Part[]> {
  const count = (await variable(guest, here, 'nr_initial_images', 4)).u32(0);
  if (count > MAX_MODULES) throw new Error(`Xen says it has ${count} modules`);
  const pointer = (await variable(guest, here, 'initial_images', 8)).u64(0);
  const size = count * ENTRY_BYTES;
  const list = new ByteReader(await guest.readPhysical(physical(pointer), size), 'initial_images');
  return Array.from({ length: count }, (_, n) => {
    const start = Number(BigInt(list.u32(n * ENTRY_BYTES)) * PAGE);
    return { name: `module ${n}`, start, end: start + list.u32(n * ENTRY_BYTES + 4) };
  });
}

/** Xen gives up the area where it is not free RAM: what was asked for must be there. Its place the layout is asked for. */
export async function checkCrashArea(
  guest: GuestView,
  subject: SymbolisedSubject,
  sizeBytes: number,
): Promise<Observation[]> {
  const [area] = await crashArea(guest, whereXenIs(guest, subject));
  const seen = area ? area.end - area.start : 0;
  return [
    holds(
      seen === sizeBytes,
      `the crash kernel has its ${sizeBytes / MIB} MiB`,
      `the crash kernel has ${seen / MIB} MiB, not ${sizeBytes / MIB}`,
    ),
  ];
}

/** `kexec_crash_area`: size, start; no size: none was asked for, or there was no room. */
async function crashArea(guest: GuestView, here: SymbolisedSubject): Promise<Part[]> {
  const area = await variable(guest, here, 'kexec_crash_area', 16);
  const [size, start] = [Number(area.u64(0)), Number(area.u64(8))];
  return size === 0 ? [] : [{ name: 'crash kernel area', start, end: start + size }];
}

async function variable(
  guest: GuestView,
  { symbols, physicalStart }: SymbolisedSubject,
  name: string,
  sizeBytes: number,
): Promise<ByteReader> {
  return new ByteReader(await guest.readPhysical(symbols.linkTime(name) + physicalStart, sizeBytes), name);
}

function physical(pointer: bigint): number {
  return Number(pointer >= DIRECTMAP_START ? pointer - DIRECTMAP_START : pointer);
}

/** Boot services have ended by then, and what they used is free. UEFI Specification 2.6 §6.2. */
export function afterBootServices(regions: readonly MapRegion[]): MapRegion[] {
  return regions.map((region) => (region.use === 'boot-services' ? { ...region, use: 'free' } : region));
}
