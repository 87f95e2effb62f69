/** What the loader handed over, judged at the image's first instruction. */
import { hex } from '../bits/hex.ts';
import { parseBootInformation, type BootInformation } from '../multiboot2/boot-information.ts';
import { MULTIBOOT1_ENTRY_MAGIC, MULTIBOOT2_ENTRY_MAGIC } from '../multiboot2/magic.ts';
import { parseMultiboot1Information } from '../multiboot2/multiboot1-information.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import { entryAddress } from './entry-kind.ts';
import {
  equal,
  equalBytes,
  equalCount,
  equalText,
  holds,
  readU32,
  type GuestView,
  type Observation,
} from '../guest/guest-view.ts';
import { toldBaseOf, type LoadedSubject } from './loaded-subject.ts';

const CR0_PE = 1n;
const CR0_PG = 1n << 31n;
const EFER_LMA = 1n << 10n;

/** A boot information larger than this is not read: GRUB's are a few kilobytes. */
const MAX_INFORMATION_BYTES = 1024 * 1024;
const FIRST_PAGE = 0x1000;

export async function checkEntry(guest: GuestView, subject: LoadedSubject): Promise<Observation[]> {
  const { registers } = guest;
  const magic = subject.protocol === 'multiboot1' ? MULTIBOOT1_ENTRY_MAGIC : MULTIBOOT2_ENTRY_MAGIC;
  const informationAddress = Number(registers.rbx & 0xffff_ffffn);
  return [
    equal(
      `%eax (${subject.protocol === 'multiboot1' ? 'Multiboot' : 'Multiboot2'} magic)`,
      registers.rax & 0xffff_ffffn,
      magic,
    ),
    ...cpuMode(guest, subject),
    await imageIsThere(guest, subject),
    ...(await checkInformation(guest, informationAddress, subject)),
  ];
}

/** What lies in the first page is no boot information (real-mode vectors, BIOS data), so it is not looked into. */
async function checkInformation(
  guest: GuestView,
  address: number,
  subject: LoadedSubject,
): Promise<Observation[]> {
  const place = holds(
    address >= FIRST_PAGE,
    `boot information at ${hex(address)}`,
    `boot information at ${hex(address)}, not at ${hex(FIRST_PAGE)} or above`,
  );
  if (!place.ok) return [place];
  const check = subject.protocol === 'multiboot1' ? checkInformation1 : checkInformation2;
  try {
    return [place, ...(await check(guest, address, subject))];
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return [place, { ok: false, text: `boot information cannot be read: ${cause}` }];
  }
}

/** Multiboot2 specification, “I386 machine state” and “EFI amd64 machine state with boot services enabled”. */
function cpuMode({ registers }: GuestView, subject: LoadedSubject): Observation[] {
  const inLongMode = (registers.efer & EFER_LMA) !== 0n;
  const paging = (registers.cr0 & CR0_PG) !== 0n;
  if (subject.entry === 'efi64')
    return [
      holds(inLongMode, 'the CPU is in 64-bit mode', 'the CPU is not in 64-bit mode at the EFI amd64 entry'),
      // UEFI Specification 2.10 §2.3.4.2: the stack is aligned to 16 bytes. GRUB jumps here, so no return address is on it.
      holds(
        registers.rsp % 16n === 0n,
        '%rsp is a multiple of 16',
        `%rsp is ${hex(registers.rsp, 1)}, no multiple of 16`,
      ),
    ];
  const ok = (registers.cr0 & CR0_PE) !== 0n && !paging;
  return [
    holds(
      ok,
      'the CPU is in protected mode, paging off',
      `CR0 is ${hex(registers.cr0)}: not protected mode with paging off`,
    ),
  ];
}

/** The code that is about to run is the image's own, here. */
async function imageIsThere(guest: GuestView, subject: LoadedSubject): Promise<Observation> {
  const { image, entry, physicalStart } = subject;
  const linkTime = entryAddress(image, entry);
  const segment = image.loaded.segments.find(
    ({ paddr, filesz }) => linkTime >= Number(paddr) && linkTime < Number(paddr) + filesz,
  );
  if (!segment) return { ok: false, text: `the entry ${hex(linkTime)} lies in no segment of the image` };
  const fileOffset = segment.offset + linkTime - Number(segment.paddr);
  const wanted = image.bytes.subarray(fileOffset, fileOffset + Math.min(64, segment.filesz));
  const seen = await guest.readPhysical(linkTime + physicalStart, wanted.length);
  const here = linkTime + physicalStart;
  return equalBytes(`the image's own code stands at ${hex(here)}`, seen, wanted, here);
}

export async function readInformation(guest: GuestView, address: number): Promise<BootInformation> {
  const totalSize = await readU32(guest, address);
  if (totalSize < 16 || totalSize > MAX_INFORMATION_BYTES)
    throw new Error(`boot information says it has ${totalSize} bytes`);
  return parseBootInformation(await guest.readPhysical(address, totalSize));
}

async function checkInformation2(
  guest: GuestView,
  address: number,
  subject: LoadedSubject,
): Promise<Observation[]> {
  const information = await readInformation(guest, address);
  const { tags } = information;
  const loadBase = tags.find((tag) => tag.type === 'loadBaseAddress');
  const loader = tags.find((tag) => tag.type === 'bootLoaderName');
  const commandLine = tags.find((tag) => tag.type === 'commandLine');
  return [
    loadBaseTag(loadBase?.type === 'loadBaseAddress' ? loadBase.address : undefined, subject),
    equalText(
      'boot loader name',
      loader?.type === 'bootLoaderName' ? loader.name : undefined,
      subject.loaderName,
    ),
    equalText(
      'command line',
      commandLine?.type === 'commandLine' ? commandLine.commandLine : undefined,
      subject.arguments,
    ),
    equalCount('modules', tags.filter((tag) => tag.type === 'module').length, subject.moduleCount),
    ...bootServicesTags(information, subject),
  ];
}

function loadBaseTag(address: number | undefined, subject: LoadedSubject): Observation {
  if (subject.relocatingLoader) return equalBase(address, toldBaseOf(subject));
  return holds(
    address === undefined || address === subject.loadBase,
    `tag 21 ${address === undefined ? 'is absent' : `says ${hex(address)}`}, as from a loader that knows no relocation`,
    `tag 21 says ${hex(address ?? 0)} though the image is at ${hex(subject.loadBase)}`,
  );
}

function equalBase(address: number | undefined, wanted: ReturnType<typeof toldBaseOf>): Observation {
  const what = 'tag 21 (load base address)';
  if (typeof wanted === 'object')
    return holds(
      address === undefined,
      `${what} is absent, as this loader leaves it out`,
      `${what} is ${hex(address ?? 0, 1)}, not absent`,
    );
  if (address === undefined) return { ok: false, text: `${what} is absent, not ${hex(wanted, 1)}` };
  return equal(what, address, wanted);
}

/** Boot services kept means that memory maps taken before would be stale: tag 18 excludes 6 and 17 (GRUB f2b6c20a2). */
function bootServicesTags(information: BootInformation, subject: LoadedSubject): Observation[] {
  if (subject.entry !== 'efi64') return [];
  const has = (type: string) => information.tags.some((tag) => tag.type === type);
  return [
    holds(
      has('efiBootServicesNotTerminated'),
      'tag 18: boot services are kept',
      'tag 18 (boot services not terminated) is absent',
    ),
    holds(
      !has('memoryMap') && !has('efiMemoryMap'),
      'no stale memory map is passed beside it',
      'a memory map (tag 6 or 17) is passed although boot services are kept: it is stale',
    ),
  ];
}

/** Multiboot 0.6.96 §3.3: no relocation tag, so only the strings and modules can agree. */
async function checkInformation1(
  guest: GuestView,
  address: number,
  subject: LoadedSubject,
): Promise<Observation[]> {
  const information = parseMultiboot1Information(await guest.readPhysical(address, 116));
  return [
    equalText('boot loader name', await textAt(guest, information.bootLoaderNameAddress), subject.loaderName),
    equalText('command line', await textAt(guest, information.commandLineAddress), subject.arguments),
    equalCount('modules', information.modulesCount ?? 0, subject.moduleCount),
  ];
}

/** NUL-terminated text in guest memory, at most 512 bytes of it. */
export async function textAt(guest: GuestView, address: number | undefined): Promise<string | undefined> {
  if (address === undefined) return undefined;
  return new ByteReader(await guest.readPhysical(address, 512), 'text').cString(0);
}
