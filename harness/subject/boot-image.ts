/** The bootable image, as facts. */
import { gunzipSync } from 'node:zlib';
import { MIB } from '../bits/align.ts';
import { parseElf, type ElfImage } from '../elf/elf-image.ts';
import {
  Multiboot2HeaderTagError,
  NoMultiboot2HeaderError,
  parseMultiboot2Header,
  type Multiboot2Header,
} from '../multiboot2/image-header.ts';
import { addressTag, loadedByAddressTag, loadedImage, type LoadedImage } from '../multiboot2/loaded-image.ts';

/** A hostile gzip file must not fill memory; Xen unpacks to about 3 MiB. */
const MAX_IMAGE_BYTES = 256 * MIB;

export class ImageUnpackError extends Error {
  override readonly name = 'ImageUnpackError';
}

/** An image with a Multiboot2 header, unpacked. */
export interface BootImage {
  readonly bytes: Uint8Array;
  /** Absent where the address header tag says what to load. */
  readonly elf?: ElfImage;
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
  const flat = flatImage(bytes);
  if (flat) return flat;
  const elf = parseElf(bytes);
  return { bytes, elf, header: parseMultiboot2Header(bytes), loaded: loadedImage(elf) };
}

/** Laid out by an address header tag, which goes before ELF. What has no good header is told of by the ELF reader first. */
function flatImage(bytes: Uint8Array): BootImage | undefined {
  try {
    const header = parseMultiboot2Header(bytes);
    const tag = addressTag(header);
    return tag && { bytes, header, loaded: loadedByAddressTag(header, tag, bytes.length) };
  } catch (error) {
    if (error instanceof NoMultiboot2HeaderError || error instanceof Multiboot2HeaderTagError)
      return undefined;
    throw error;
  }
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
