/** The GNU build id: the linker's digest of a file's contents (System V ABI, "Note Section"; binutils `--build-id`). */
import { alignUp } from '../bits/align.ts';
import { ByteReader, TruncatedError } from '../bits/byte-reader.ts';
import { encodeHex } from '../bits/hex.ts';
import type { ElfImage } from './elf-image.ts';

const SEGMENT_NOTE = 4;
const NOTE_GNU_BUILD_ID = 3;
const NOTE_HEADER_BYTES = 12;

/** Hexadecimal digits, or undefined where the file has none or its notes are cut short. */
export function buildId(elf: ElfImage): string | undefined {
  for (const { type, offset, filesz } of elf.segments) {
    if (type !== SEGMENT_NOTE) continue;
    const found = buildIdIn(elf.bytes.subarray(offset, offset + filesz));
    if (found !== undefined) return found;
  }
  return undefined;
}

function buildIdIn(bytes: Uint8Array): string | undefined {
  const notes = new ByteReader(bytes, 'ELF notes');
  try {
    for (let at = 0; at + NOTE_HEADER_BYTES <= notes.length;) {
      const [nameSize, size, type] = [notes.u32(at), notes.u32(at + 4), notes.u32(at + 8)];
      const description = at + NOTE_HEADER_BYTES + alignUp(nameSize, 4);
      if (type === NOTE_GNU_BUILD_ID && notes.cString(at + NOTE_HEADER_BYTES, nameSize) === 'GNU')
        return encodeHex(notes.slice(description, size));
      at = description + alignUp(size, 4);
    }
  } catch (error) {
    if (!(error instanceof TruncatedError)) throw error;
  }
  return undefined;
}
