/** Invariants about memory, one function each (docs/layout-oracle.md): where parts lie, and that they hold what they held. */
import { isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { LayoutMap, Part } from '../layout/layout-map.ts';
import { holds, type GuestView, type MemoryView, type Observation } from '../guest/guest-view.ts';
import { firstDifference } from '../guest/pieces.ts';
import type { BootImage } from './boot-image.ts';
import type { SymbolisedSubject, LoadedSubject } from './loaded-subject.ts';

const PAGE = 4096;
/** Invariant 2: pairwise disjoint, each in memory that the firmware gives away. */
export function checkPlaces(map: LayoutMap): Observation[] {
  const { parts, problems, remarks } = map;
  return [
    holds(
      problems.length === 0,
      `${parts.length} parts lie apart from each other and from what the firmware keeps`,
      problems.join('; '),
    ),
    ...remarks.map((text) => ({ ok: true, text: `note: ${text}` })),
  ];
}

/** Page alignment (module alignment header tag) and contents, byte for byte. */
export async function checkModules(
  guest: MemoryView,
  { modules, image }: LoadedSubject,
  parts: readonly Part[],
): Promise<Observation[]> {
  if (!modules || modules.length === 0) return [];
  const aligned = image.header.tags.some(({ type }) => type === 'moduleAlignment');
  const wrong: string[] = [];
  for (const [n, bytes] of modules.entries()) {
    const part = parts.find(({ name }) => name === `module ${n}`);
    if (!part) wrong.push(`module ${n} is in no boot information`);
    else if (aligned && !isAligned(part.start, PAGE))
      wrong.push(`module ${n} is at ${hex(part.start)}, not page aligned`);
    else if (part.end - part.start !== bytes.length)
      wrong.push(`module ${n} has ${part.end - part.start} bytes, not ${bytes.length}`);
    else {
      const at = await firstDifference(guest, part.start, bytes);
      if (at !== undefined) wrong.push(`module ${n} is changed at ${hex(part.start + at)}`);
    }
  }
  const text = `${modules.length} modules, each ${aligned ? 'page aligned and ' : ''}byte for byte what was given`;
  return [holds(wrong.length === 0, text, wrong.join('; '))];
}

/**
 * Invariant 3: at the entry all that the file holds, and zeros after it up to each segment's end (System V ABI, "Program
 * Header": p_memsz).
 */
export async function checkImageAtEntry(guest: GuestView, subject: LoadedSubject): Promise<Observation> {
  const { image, physicalStart } = subject;
  const { segments } = image.loaded;
  for (const { paddr, offset, filesz, memsz } of segments) {
    const start = Number(paddr) + physicalStart;
    const wanted = image.bytes.subarray(offset, offset + filesz);
    const at = await firstDifference(guest, start, wanted);
    if (at !== undefined) return wrongAt('the image', start + at, subject);
    const inBss = await firstDifference(guest, start + filesz, memsz - filesz);
    if (inBss !== undefined) return wrongAt('the BSS, which must be zero,', start + filesz + inBss, subject);
  }
  return { ok: true, text: 'the whole image stands as in its file, its BSS zero' };
}

/** Invariant 3: what early boot must not write has not changed since. */
export async function checkReadOnly(guest: MemoryView, subject: SymbolisedSubject): Promise<Observation> {
  const { symbols, physicalStart, image } = subject;
  const names: string[] = [];
  for (const { name, linkTime, bytes: linked } of symbols.readOnlySections()) {
    // Header tags are changed in the image, not in its symbol file.
    const bytes = imageBytes(image, linkTime, linked.length) ?? linked;
    const at = await firstDifference(guest, linkTime + physicalStart, bytes);
    if (at !== undefined) return wrongAt(name, linkTime + physicalStart + at, subject);
    names.push(name);
  }
  return { ok: true, text: `${names.join(' and ') || 'nothing that is read-only'} unchanged` };
}

/** What the image's file holds for a link-time address; undefined where it does not hold all of it. */
function imageBytes(
  { loaded, bytes }: BootImage,
  linkTime: number,
  sizeBytes: number,
): Uint8Array | undefined {
  const segment = loaded.segments.find(
    ({ paddr, filesz }) => linkTime >= Number(paddr) && linkTime + sizeBytes <= Number(paddr) + filesz,
  );
  if (!segment) return undefined;
  const from = segment.offset + linkTime - Number(segment.paddr);
  return bytes.subarray(from, from + sizeBytes);
}

function wrongAt(what: string, address: number, subject: LoadedSubject): Observation {
  const symbol = symbolAt(subject, address - subject.physicalStart);
  return { ok: false, text: `${what} is changed at ${hex(address)}${symbol ? ` (${symbol})` : ''}` };
}

/** The symbol at a link-time physical address of the image. */
export function symbolAt({ symbols, image }: LoadedSubject, linkTime: number): string | undefined {
  const { linkBase, loadSize } = image.loaded;
  if (!symbols || linkTime < linkBase || linkTime >= linkBase + loadSize) return undefined;
  const near = symbols.nearest(BigInt(linkTime) + symbols.virtualStart);
  return near && (near.offset === 0n ? near.name : `${near.name}+${hex(near.offset, 1)}`);
}

/** Invariant 5, where control enters the image. Source: GRUB 4e5414b2a; Multiboot2 2.0, EFI amd64 machine state. */
export function checkStack({ registers }: GuestView, { entry }: LoadedSubject): Observation[] {
  if (entry !== 'efi64') return [];
  return [
    holds(
      registers.rsp % 16n === 0n,
      'RSP is a multiple of 16 at the EFI amd64 entry',
      `RSP is ${hex(registers.rsp)} at the EFI amd64 entry, no multiple of 16`,
    ),
  ];
}
