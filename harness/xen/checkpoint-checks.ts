/**
 * What each checkpoint after the entry proves. Every figure is read from the stopped guest and compared with the image
 * file and with where the image is seen to be; nothing here trusts the console.
 */
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { parseMultiboot1Information } from '../multiboot2/multiboot1-information.ts';
import type { CheckpointAddress, CheckpointName } from './checkpoint-addresses.ts';
import { checkEntry, textAt } from '../subject/entry-checks.ts';
import {
  equal,
  equalCount,
  equalText,
  holds,
  readU32,
  type GuestView,
  type Observation,
} from '../guest/guest-view.ts';
import { checkPageTables } from './page-table-check.ts';
import { walkPageTables } from './page-walk.ts';
import { checkReserved } from './reserved-memory.ts';
import { checkTrampoline } from './trampoline-check.ts';
import type { SymbolisedSubject, LoadedSubject } from '../subject/loaded-subject.ts';

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
  'memory reserved': checkReserved,
};

/** Observations of one checkpoint, in the order they were made. */
export async function observe(
  guest: GuestView,
  subject: LoadedSubject,
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
  const { gdtr } = await guest.readMachineState();
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

const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const EFER_LMA = 1n << 10n;

async function checkLongMode(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const { registers } = guest;
  const longMode =
    (registers.cr0 & CR0_PG) !== 0n && (registers.cr4 & CR4_PAE) !== 0n && (registers.efer & EFER_LMA) !== 0n;
  const highStart = symbols.linkTime('__high_start') + physicalStart;
  const walked = await walkPageTables(guest, registers.cr3, symbols.linear('__high_start'));
  return [
    holds(
      longMode,
      'paging, PAE and EFER.LMA are on',
      `CR0 ${hex(registers.cr0)}, CR4 ${hex(registers.cr4)}, EFER ${hex(registers.efer)}: no long mode`,
    ),
    equal('CR3', registers.cr3, symbols.linkTime('idle_pg_table') + physicalStart),
    walked === undefined
      ? { ok: false, text: `__high_start is not mapped, not at ${hex(highStart)}` }
      : equal('__high_start through these tables', walked, highStart),
  ];
}

async function checkStartXen(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const descriptor = new ByteReader(
    symbols.bytes(symbols.linear('boot_gdtr'), 10) ?? new Uint8Array(10),
    'boot_gdtr',
  );
  const { gdtr } = await guest.readMachineState();
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
