/** Boot information as GRUB 2.06 writes it for an image at a base (its multiboot_mbi2.c, grub_multiboot2_make_mbi). */
import { alignUp } from '../bits/align.ts';
import type { ElfImage } from '../elf/elf-image.ts';
import type { BootImage } from '../subject/boot-image.ts';
import { isBuiltTag, type MachineProfile, MachineProfileError } from './machine-profile.ts';

const [END, COMMAND_LINE, LOADER_NAME, ELF_SECTIONS, LOAD_BASE] = [0, 1, 2, 9, 21];
const FIXED_PART_BYTES = 8;
const TAG_HEADER_BYTES = 8;
const TAG_ALIGNMENT = 8;

export interface BuiltParts {
  readonly loadBase: number;
  readonly commandLine: string;
}

/**
 * Tags that an image asks for in an information request tag change nothing: GRUB 2.06 gives the same to all, and refuses an
 * image that requires a type unknown to it.
 * @returns the bytes from the address in EBX on, padding zero
 */
export function bootInformationBytes(
  { tags, loaderName }: MachineProfile['bootInformation'],
  image: BootImage,
  { loadBase, commandLine }: BuiltParts,
): Uint8Array {
  const payloads = tags.map(({ type, payload }) => {
    if (!isBuiltTag(type)) return tag(type, payload ?? new Uint8Array());
    return builtTag(type, image, { loadBase, commandLine, loaderName });
  });
  const content = Buffer.concat(payloads);
  const fixed = Buffer.alloc(FIXED_PART_BYTES);
  fixed.writeUInt32LE(fixed.length + content.length, 0);
  return Buffer.concat([fixed, content]);
}

function builtTag(
  type: number,
  { elf, bytes }: BootImage,
  { loadBase, commandLine, loaderName }: BuiltParts & { readonly loaderName: string },
): Uint8Array {
  switch (type) {
    case END:
      return tag(type, new Uint8Array());
    case COMMAND_LINE:
      return tag(type, Buffer.from(`${commandLine}\0`));
    case LOADER_NAME:
      return tag(type, Buffer.from(`${loaderName}\0`));
    case ELF_SECTIONS:
      return tag(type, elfSections(elf, bytes));
    case LOAD_BASE:
      return tag(type, words(loadBase));
    default:
      throw new MachineProfileError(`nobody makes boot information tags of type ${type}`);
  }
}

/** The size counts no padding. */
function tag(type: number, payload: Uint8Array): Uint8Array {
  const padded = Buffer.alloc(alignUp(TAG_HEADER_BYTES + payload.length, TAG_ALIGNMENT));
  padded.writeUInt32LE(type, 0);
  padded.writeUInt32LE(TAG_HEADER_BYTES + payload.length, 4);
  padded.set(payload, TAG_HEADER_BYTES);
  return padded;
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32LE(value, 4 * index));
  return bytes;
}

/**
 * Count, entry size, index of the names, and the headers as in the file: GRUB relocates no address. Sections that no segment
 * loads it puts where there is room, and names the place in their headers; here they keep the address 0.
 */
function elfSections(elf: ElfImage | undefined, file: Uint8Array): Uint8Array {
  if (!elf || elf.sections.length === 0) return words(0, 0, 0);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isWide = elf.class === 64;
  const offset = isWide ? Number(view.getBigUint64(0x28, true)) : view.getUint32(0x20, true);
  const half = (at: number): number => view.getUint16(at, true);
  const [entrySize, namesIndex] = isWide ? [half(0x3a), half(0x3e)] : [half(0x2e), half(0x32)];
  const count = elf.sections.length;
  return Buffer.concat([
    words(count, entrySize, namesIndex),
    file.subarray(offset, offset + count * entrySize),
  ]);
}
