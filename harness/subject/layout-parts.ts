/** What a loader has laid out in memory, read from the guest stopped at the image's entry. */
import { alignUp, MIB } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import type { Interval } from '../layout/interval.ts';
import type { Part } from '../layout/layout-map.ts';
import { findTags } from '../multiboot2/boot-information.ts';
import { parseMultiboot1Information } from '../multiboot2/multiboot1-information.ts';
import { readInformation } from './entry-checks.ts';
import { readU32, type GuestView } from '../guest/guest-view.ts';
import type { LoadedSubject } from './loaded-subject.ts';

const PAGE = 4096;
/** What the loader handed over. @throws BootInformationError and what readPhysical throws. */
export async function entryParts(guest: GuestView, subject: LoadedSubject): Promise<Part[]> {
  const address = Number(guest.registers.rbx & 0xffff_ffffn);
  const handedOver =
    subject.protocol === 'multiboot1'
      ? await multiboot1Parts(guest, address)
      : await multiboot2Parts(guest, address);
  return [imagePart(subject), ...handedOver, ...(await legacyParts(guest, subject))];
}

function imagePart({ called, loadBase, image }: LoadedSubject): Part {
  return { name: called, start: loadBase, end: loadBase + image.loaded.loadSize };
}

async function multiboot2Parts(guest: GuestView, address: number): Promise<Part[]> {
  const information = await readInformation(guest, address);
  return [
    { name: 'boot information', start: address, end: address + information.totalSize },
    ...findTags(information, 'module').map(({ start, end }, n) => ({ name: `module ${n}`, start, end })),
  ];
}

/** Source: Multiboot Specification 0.6.96 §3.3; GRUB puts the structure and all it points to into one chunk. */
async function multiboot1Parts(guest: GuestView, address: number): Promise<Part[]> {
  const {
    modulesCount = 0,
    modulesAddress,
    ...information
  } = parseMultiboot1Information(await guest.readPhysical(address, 116));
  const { commandLineAddress, bootLoaderNameAddress, mmap } = information;
  const pieces = [
    address + 116,
    ...[commandLineAddress, bootLoaderNameAddress].map((text) => (text ?? 0) + 512),
    (mmap?.address ?? 0) + (mmap?.sizeBytes ?? 0),
    (modulesAddress ?? 0) + 16 * modulesCount,
  ].filter((end) => end > address && end < address + MIB);
  const modules: Part[] = [];
  for (let n = 0; modulesAddress !== undefined && n < modulesCount; n++) {
    const entry = new ByteReader(await guest.readPhysical(modulesAddress + 16 * n, 8), `module ${n}`);
    modules.push({ name: `module ${n}`, start: entry.u32(0), end: entry.u32(4) });
  }
  // VBE and drive tables, which Xen does not look at, follow in the same chunk.
  return [
    { name: 'boot information', start: address, end: alignUp(Math.max(...pieces), PAGE) + PAGE },
    ...modules,
  ];
}

/** Real-mode vectors and the BIOS's data areas; under UEFI there is no BIOS, and 0x40e holds nothing. */
async function legacyParts(guest: GuestView, subject: LoadedSubject): Promise<Part[]> {
  if (subject.entry === 'efi64') return [];
  const first: Part = { name: 'real-mode vectors and BIOS data', start: 0, end: PAGE, home: 'any' };
  const extended = await extendedBiosData(guest);
  return extended ? [first, { name: 'EBDA', ...extended, home: 'any' }] : [first];
}

/** 0x40e holds the EBDA's segment, and on some machines garbage: Xen believes it from 0x4000 to 0x9fff only (head.S). */
async function extendedBiosData(guest: GuestView): Promise<Interval | undefined> {
  const segment = (await readU32(guest, 0x40c)) >>> 16;
  return segment >= 0x4000 && segment < 0xa000 ? { start: segment * 16, end: 0xa_0000 } : undefined;
}
