/**
 * What each checkpoint after the entry proves. Every figure is read from the stopped guest and compared with the image
 * file and with where the image is seen to be; nothing here trusts the console.
 */
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { parseMultiboot1Information } from '../multiboot2/multiboot1-information.ts';
import type { CheckpointAddress, CheckpointName } from './checkpoint-addresses.ts';
import { checkEntry, textAt } from './entry-checks.ts';
import { equal, equalCount, equalText, holds, type GuestView, type Observation } from './guest-view.ts';
import { walkPageTables } from './page-walk.ts';
import type { XenSymbols } from './xen-image.ts';
import type { XenSubject } from './xen-subject.ts';

/** A subject whose symbols are there, as every checkpoint after the entry needs. */
type SymbolisedSubject = XenSubject & { readonly symbols: XenSymbols };

type Check = (
  guest: GuestView,
  subject: SymbolisedSubject,
  address: CheckpointAddress,
) => Promise<Observation[]>;

const CHECKS: Readonly<Record<Exclude<CheckpointName, 'entry'>, Check>> = {
  'base computed': checkBaseRegister,
  'boot information relocated': checkRelocatedInformation,
  'page tables relocated': checkPageTables,
  'trampoline copied': checkTrampoline,
  'long mode': checkLongMode,
  __start_xen: checkStartXen,
};

/** Observations of one checkpoint, in the order they were made. */
export async function observe(
  guest: GuestView,
  subject: XenSubject,
  address: CheckpointAddress,
): Promise<Observation[]> {
  if (address.name === 'entry') return checkEntry(guest, subject);
  const { symbols } = subject;
  if (!symbols) throw new Error(`checkpoint ${address.name} needs symbols`);
  return CHECKS[address.name](guest, { ...subject, symbols }, address);
}

async function checkBaseRegister(
  guest: GuestView,
  subject: SymbolisedSubject,
  address: CheckpointAddress,
): Promise<Observation[]> {
  const register = address.space === 'image' ? address.baseRegister : undefined;
  if (!register) return [{ ok: false, text: 'no base register is known here' }];
  const value = guest.registers.get(register.replace(/^e/, 'r')) ?? -1n;
  return [equal(`%${register} (load base − link base)`, value & 0xffff_ffffn, subject.physicalStart)];
}

/** After reloc(): %eax points to a Multiboot 1 structure below 1 MiB; the GDT in use is the image's own, here. */
async function checkRelocatedInformation(
  guest: GuestView,
  subject: SymbolisedSubject,
): Promise<Observation[]> {
  const address = Number(guest.registers.rax & 0xffff_ffffn);
  const low = holds(
    address > 0 && address < 0x10_0000,
    `the relocated boot information is at ${hex(address)}, below 1 MiB`,
    `the relocated boot information is at ${hex(address)}, not below 1 MiB`,
  );
  if (!low.ok) return [low];
  const information = parseMultiboot1Information(await guest.readPhysical(address, 116));
  const { symbols, physicalStart } = subject;
  const gdtBase = await readU32(guest, symbols.linkTime('gdt_boot_base') + physicalStart);
  const gdtr = await guest.readGdtr();
  return [
    low,
    equalText('command line', await textAt(guest, information.commandLineAddress), subject.arguments),
    equalText('boot loader name', await textAt(guest, information.bootLoaderNameAddress), subject.loaderName),
    equalCount('modules', information.modulesCount ?? 0, subject.moduleCount),
    equal('the GDT base in the image', gdtBase, symbols.linkTime('trampoline_gdt') + physicalStart),
    equal('GDTR', gdtr.base, symbols.linkTime('trampoline_gdt') + physicalStart),
    equal(
      'xen_phys_start',
      await readU32(guest, symbols.linkTime('xen_phys_start') + physicalStart),
      physicalStart,
    ),
  ];
}

const PTE_PRESENT = 1n;

/** Each present entry of the prebuilt page tables = its link-time value + xen_phys_start; absent ones are untouched. */
async function checkPageTables(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const start = symbols.linear('__page_tables_start');
  const size = Number(symbols.linear('__page_tables_end') - start);
  const linkTime = symbols.bytes(start, size);
  if (!linkTime || size <= 0) return [{ ok: false, text: 'the symbol file holds no prebuilt page tables' }];
  const built = new ByteReader(linkTime, 'prebuilt page tables');
  const seen = new ByteReader(
    await guest.readPhysical(symbols.linkTime('__page_tables_start') + physicalStart, size),
    'page tables',
  );
  let present = 0;
  const wrong: string[] = [];
  for (let offset = 0; offset + 8 <= size; offset += 8) {
    const before = built.u64(offset);
    const isPresent = (before & PTE_PRESENT) !== 0n;
    if (isPresent) present++;
    const wanted = isPresent ? before + BigInt(physicalStart) : before;
    if (seen.u64(offset) !== wanted)
      wrong.push(describeEntry(symbols, start + BigInt(offset), seen.u64(offset), wanted));
  }
  return [
    holds(
      present > 0,
      `${present} present entries in ${size / 4096} prebuilt tables`,
      'no entry of the prebuilt page tables is present',
    ),
    holds(
      wrong.length === 0,
      `each is its link-time value + ${hex(physicalStart)}, the others untouched`,
      `${wrong.length} entries are wrong: ${wrong.slice(0, 3).join('; ')}`,
    ),
  ];
}

function describeEntry(symbols: XenSymbols, linear: bigint, seen: bigint, wanted: bigint): string {
  const near = symbols.nearest(linear);
  const name = near ? `${near.name}[${near.offset / 8n}]` : hex(linear, 16);
  return `${name} is ${hex(seen, 16)}, not ${hex(wanted, 16)}`;
}

/** The copy below 1 MiB, with its own relocations applied. Source: `__trampoline_rel_start`, `__trampoline_seg_start`. */
async function checkTrampoline(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const at = (name: string) => symbols.linkTime(name) + physicalStart;
  const target = await readU32(guest, at('trampoline_phys'));
  const size = symbols.linkTime('trampoline_end') - symbols.linkTime('trampoline_start');
  const [copy, original] = [
    await guest.readPhysical(target, size),
    await guest.readPhysical(at('trampoline_start'), size),
  ];
  const wholeDwords = size - (size % 4);
  const same = Buffer.compare(copy.subarray(0, wholeDwords), original.subarray(0, wholeDwords)) === 0;
  return [
    holds(
      target % 4096 === 0 && target > 0 && target + size <= 0xa_0000,
      `the trampoline is at ${hex(target)}, page aligned, below the EBDA's reach`,
      `the trampoline is at ${hex(target)} (${size} bytes): not page aligned below 640 KiB`,
    ),
    holds(same, `its ${size} bytes are a true copy of the image's`, 'its bytes are not those of the image'),
    ...trampolineRelocations(subject, copy, target),
    equal('the low-memory stack', guest.registers.rsp & 0xffffn, BigInt(target + 0x10000 - 8) & 0xffffn),
  ];
}

function trampolineRelocations(
  { symbols }: SymbolisedSubject,
  copy: Uint8Array,
  target: number,
): Observation[] {
  const start = symbols.linear('trampoline_start');
  const memory = new ByteReader(copy, 'trampoline');
  const wrong: string[] = [];
  const places = relocationPlaces(symbols, '__trampoline_rel_start', '__trampoline_rel_stop');
  for (const place of places) {
    const built = new ByteReader(symbols.bytes(place, 4) ?? new Uint8Array(4), 'trampoline relocation').u32(
      0,
    );
    const seen = memory.u32(Number(place - start));
    const wanted = (built + target) >>> 0;
    if (seen !== wanted) wrong.push(`offset ${hex(place - start, 3)} is ${hex(seen)}, not ${hex(wanted)}`);
  }
  const segments = relocationPlaces(symbols, '__trampoline_seg_start', '__trampoline_seg_stop');
  for (const place of segments) {
    const seen = memory.u16(Number(place - start));
    if (seen !== target >>> 4)
      wrong.push(`segment at ${hex(place - start, 3)} is ${hex(seen, 4)}, not ${hex(target >>> 4, 4)}`);
  }
  return [
    holds(
      wrong.length === 0 && places.length > 0,
      `its ${places.length} + ${segments.length} relocations are applied`,
      places.length === 0 ? 'the symbol file lists no trampoline relocation' : wrong.slice(0, 3).join('; '),
    ),
  ];
}

/** Linear link-time addresses that a self-relative relocation list names. */
function relocationPlaces(symbols: XenSymbols, first: string, last: string): bigint[] {
  const start = symbols.linear(first);
  const size = Number(symbols.linear(last) - start);
  const list = new ByteReader(symbols.bytes(start, size) ?? new Uint8Array(0), first);
  return Array.from(
    { length: list.length / 4 },
    (_, i) => start + BigInt(4 * i) + BigInt(list.u32(4 * i) | 0),
  );
}

const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const EFER_LMA = 1n << 10n;

async function checkLongMode(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const { registers } = guest;
  const longMode =
    (registers.cr0 & CR0_PG) !== 0n && (registers.cr4 & CR4_PAE) !== 0n && (registers.efer & EFER_LMA) !== 0n;
  const walked = await walkPageTables(guest, registers.cr3, symbols.linear('__high_start'));
  return [
    holds(
      longMode,
      'paging, PAE and EFER.LMA are on',
      `CR0 ${hex(registers.cr0)}, CR4 ${hex(registers.cr4)}, EFER ${hex(registers.efer)}: no long mode`,
    ),
    equal('CR3', registers.cr3, symbols.linkTime('idle_pg_table') + physicalStart),
    equal(
      '__high_start through these tables',
      walked ?? -1n,
      symbols.linkTime('__high_start') + physicalStart,
    ),
  ];
}

async function checkStartXen(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const descriptor = new ByteReader(
    symbols.bytes(symbols.linear('boot_gdtr'), 10) ?? new Uint8Array(10),
    'boot_gdtr',
  );
  const gdtr = await guest.readGdtr();
  return [
    equal(
      'xen_phys_start',
      await readU32(guest, symbols.linkTime('xen_phys_start') + physicalStart),
      physicalStart,
    ),
    equal('GDTR', gdtr.base, descriptor.u64(2)),
    equal('CR3', guest.registers.cr3, symbols.linkTime('idle_pg_table') + physicalStart),
  ];
}

async function readU32(guest: GuestView, address: number): Promise<number> {
  return new ByteReader(await guest.readPhysical(address, 4), hex(address)).u32(0);
}
