/** The bootable image, as facts. */
import { gunzipSync } from 'node:zlib';
import { MIB } from '../bits/align.ts';
import { parseElf, type ElfImage } from '../elf/elf-image.ts';
import { parseMultiboot2Header, type Multiboot2Header } from '../multiboot2/image-header.ts';
import { loadedImage, type LoadedImage } from '../multiboot2/loaded-image.ts';

/** A hostile gzip file must not fill memory; Xen unpacks to about 3 MiB. */
const MAX_IMAGE_BYTES = 256 * MIB;

export class ImageUnpackError extends Error {
  override readonly name = 'ImageUnpackError';
}

/** An image with a Multiboot2 header, unpacked. */
export interface BootImage {
  readonly bytes: Uint8Array;
  readonly elf: ElfImage;
  readonly header: Multiboot2Header;
  readonly loaded: LoadedImage;
}

/**
 * @param file the image, gzip or not.
 * @throws ImageUnpackError, NotElfError, ElfTruncatedError, ElfUnsupportedError, NoMultiboot2HeaderError,
 * Multiboot2HeaderTagError, LoadedImageError
 */
export function parseBootImage(file: Uint8Array): BootImage {
  const bytes = unpack(file);
  const elf = parseElf(bytes);
  return { bytes, elf, header: parseMultiboot2Header(bytes), loaded: loadedImage(elf) };
}

function unpack(file: Uint8Array): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  try {
    return gunzipSync(file, { maxOutputLength: MAX_IMAGE_BYTES });
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new ImageUnpackError(
      isTooLarge
        ? `it unpacks to more than ${MAX_IMAGE_BYTES / MIB} MiB; give a hypervisor image`
        : `not a whole gzip file: ${error instanceof Error ? error.message : String(error)}; copy or build it again`,
      { cause: error },
    );
  }
}
