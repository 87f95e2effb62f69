/** In which of the ways that Multiboot2 knows an image is entered, and where. */
import type { BootImage } from './boot-image.ts';

export type EntryKind = 'multiboot32' | 'efi64';

export interface EntryFacts {
  readonly image: BootImage;
  readonly firmware: 'bios' | 'efi';
  readonly protocol: 'multiboot2' | 'multiboot1' | 'kfreebsd';
}

/** UEFI with boot services kept enters at the EFI amd64 entry; everything else in 32-bit protected mode. */
export function entryKind(facts: EntryFacts): EntryKind {
  const has = (type: string) => facts.image.header.tags.some((tag) => tag.type === type);
  return facts.firmware === 'efi' &&
    facts.protocol === 'multiboot2' &&
    has('entryAddressEfi64') &&
    has('efiBootServices')
    ? 'efi64'
    : 'multiboot32';
}

/** Link-time physical address at which the loader enters the image. */
export function entryAddress(image: BootImage, entry: EntryKind): number {
  if (entry === 'multiboot32') {
    const own = image.header.tags.find((candidate) => candidate.type === 'entryAddress');
    return own?.type === 'entryAddress' ? own.entryAddr : image.loaded.entry;
  }
  const tag = image.header.tags.find((candidate) => candidate.type === 'entryAddressEfi64');
  if (tag?.type !== 'entryAddressEfi64')
    throw new Error('the image has no EFI amd64 entry address header tag');
  return tag.entryAddr;
}
