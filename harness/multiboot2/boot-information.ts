/** Boot information as a Multiboot2 loader hands it over (Multiboot2 Specification 2.0 §3.6). */
import { alignUp } from '../bits/align.ts';
import { ByteReader, TruncatedError } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { BOOT_INFORMATION_LAYOUTS, TagContentError } from './boot-information-layouts.ts';
import {
  type BootInformationFields,
  type BootInformationTag,
  type BootInformationTagType,
} from './boot-information-tags.ts';
import { END_TAG, TAG_ALIGNMENT, TAG_HEADER_SIZE } from './header-tags.ts';

export interface BootInformation {
  /** Bytes, this field and the end tag included. */
  readonly totalSize: number;
  /** In order, the end tag included. */
  readonly tags: readonly BootInformationTag[];
}

/** The bytes are no well-formed boot information: a loader's fault, or memory read from the wrong place. */
export class BootInformationError extends Error {
  override readonly name = 'BootInformationError';
  constructor(
    problem: string,
    /** Bytes from the start of the boot information. */
    readonly offset: number,
    readonly tagIndex?: number,
  ) {
    const where = tagIndex === undefined ? '' : ` tag ${tagIndex} at offset ${hex(offset, 1)}`;
    super(`boot information${where}: ${problem}; check the address and size it was read with`);
  }
}

const FIXED_PART_SIZE = 8;

/**
 * @param bytes from the address in EBX on; may be longer than the total size they begin with.
 * @throws BootInformationError where a size is impossible or there is no end tag.
 */
export function parseBootInformation(bytes: Uint8Array): BootInformation {
  const reader = new ByteReader(bytes, 'boot information');
  if (bytes.length < FIXED_PART_SIZE)
    throw new BootInformationError(`${bytes.length} bytes; its fixed part has ${FIXED_PART_SIZE}`, 0);
  const totalSize = reader.u32(0);
  if (totalSize < FIXED_PART_SIZE + TAG_HEADER_SIZE)
    throw new BootInformationError(`its total size ${totalSize} leaves no room for an end tag`, 0);
  if (totalSize > bytes.length)
    throw new BootInformationError(`its total size is ${totalSize} bytes, ${bytes.length} were read`, 0);
  return { totalSize, tags: parseTags(reader, totalSize) };
}

/** The first tag of a type; modules and network tags may occur several times. */
export function findTag<T extends BootInformationTagType>(
  information: BootInformation,
  type: T,
): Extract<BootInformationTag, { type: T }> | undefined {
  return findTags(information, type)[0];
}

/** Every tag of a type, in order. */
export function findTags<T extends BootInformationTagType>(
  information: BootInformation,
  type: T,
): Extract<BootInformationTag, { type: T }>[] {
  return information.tags.filter((tag): tag is Extract<BootInformationTag, { type: T }> => tag.type === type);
}

/** Each turn moves on by at least 8 bytes, so `totalSize` bounds the work. */
function parseTags(reader: ByteReader, totalSize: number): BootInformationTag[] {
  const tags: BootInformationTag[] = [];
  for (let at = FIXED_PART_SIZE; ;) {
    if (at + TAG_HEADER_SIZE > totalSize)
      throw new BootInformationError(`its ${totalSize} bytes end without an end tag`, at, tags.length);
    const [typeNumber, size] = [reader.u32(at), reader.u32(at + 4)];
    const tag = { at, size, ...fields(reader, { typeNumber, at, size, totalSize, index: tags.length }) };
    tags.push(tag);
    if (typeNumber === END_TAG) return tags;
    at += alignUp(size, TAG_ALIGNMENT);
  }
}

interface TagPlace {
  readonly typeNumber: number;
  readonly at: number;
  readonly size: number;
  readonly totalSize: number;
  readonly index: number;
}

function fields(
  reader: ByteReader,
  { typeNumber, at, size, totalSize, index }: TagPlace,
): BootInformationFields {
  const layout = BOOT_INFORMATION_LAYOUTS[typeNumber];
  const minimumSize = layout?.minimumSize ?? TAG_HEADER_SIZE;
  if (size < minimumSize)
    throw new BootInformationError(
      `size ${size} is less than the ${minimumSize} bytes of type ${typeNumber}`,
      at,
      index,
    );
  if (at + size > totalSize)
    throw new BootInformationError(`size ${size} reaches beyond the total of ${totalSize} bytes`, at, index);
  const tag = new ByteReader(reader.slice(at, size), `tag of type ${typeNumber}`);
  if (!layout) return { type: 'unknown', typeNumber, payload: tag.slice(8, size - 8) };
  try {
    return layout.parse(tag);
  } catch (error) {
    if (error instanceof TagContentError || error instanceof TruncatedError)
      throw new BootInformationError(error.message, at, index);
    throw error;
  }
}
