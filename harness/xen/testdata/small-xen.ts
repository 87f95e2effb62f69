import { readFileSync } from 'node:fs';
import { assemble } from '../../elf/testdata/assemble.ts';
import { buildElf } from '../../elf/testdata/elf-builder.ts';
import { loadSegments, parseElf } from '../../elf/elf-image.ts';
import { parseBootImage, type BootImage } from '../../subject/boot-image.ts';
import { ImageSymbols } from '../../subject/image-symbols.ts';

export const LINK_BASE = 0x200000;
/** Where the miniature is linked, as the image's own `__image_base__`. */
export const VIRTUAL_START = 0xffff82d040000000n;

const SOURCE = new URL('small-xen.s', import.meta.url);

export interface SmallXen {
  /** The ELF32 file that a boot loader loads. */
  readonly imageFile: Uint8Array;
  /** The ELF64 file with symbols. */
  readonly symbolFile: Uint8Array;
  readonly image: BootImage;
  readonly symbols: ImageSymbols;
}

/**
 * Assembles and links small-xen.s with binutils, as Xen's build does: a symbol file at virtual addresses, and an ELF32
 * image of the same bytes at physical ones.
 * @param edit what is changed in the source first; a change that changes nothing is a mistake of the test.
 */
export function smallXen(folder: string, edit?: (source: string) => string): SmallXen {
  const original = readFileSync(SOURCE, 'utf8');
  const source = edit?.(original) ?? original;
  if (edit && source === original) throw new Error('the edit found nothing to change');
  const path = assemble(folder, source, 64, [
    ...['-N', '--no-warn-rwx-segments', '-e', '_start'],
    ...[`-Ttext=0x${(VIRTUAL_START + BigInt(LINK_BASE)).toString(16)}`],
    ...['--defsym', `__image_base__=0x${VIRTUAL_START.toString(16)}`],
  ]);
  const symbolFile = readFileSync(path);
  const [segment] = loadSegments(parseElf(symbolFile));
  if (!segment) throw new Error('no segment was linked');
  const bytes = symbolFile.subarray(segment.offset, segment.offset + segment.filesz);
  const imageFile = buildElf({
    segments: [{ paddr: BigInt(LINK_BASE), bytes, memsz: segment.memsz + 0x1000 }],
    firstOffset: 0x80,
  });
  return {
    imageFile,
    symbolFile,
    image: parseBootImage(imageFile),
    symbols: new ImageSymbols(symbolFile, LINK_BASE),
  };
}
