/** The Multiboot2 header in an image (Multiboot2 Specification 2.0 §3.1). */
import { alignUp } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import {
  END_TAG,
  type HeaderTag,
  headerTag,
  minimumHeaderTagSize,
  TAG_ALIGNMENT,
  TAG_HEADER_SIZE,
} from './header-tags.ts';
import { MULTIBOOT2_HEADER_MAGIC } from './magic.ts';

export interface Multiboot2Header {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Always 0, 32-bit protected mode of i386: headers of other architectures are passed over, as GRUB does. */
  readonly architecture: number;
  /** Bytes, from the magic to the end of the end tag. */
  readonly length: number;
  /** In file order, without the end tag. */
  readonly tags: readonly HeaderTag[];
}

/** The header lies wholly within this many bytes of the file, at a multiple of 8. */
export const SEARCH_LIMIT = 32_768;
const HEADER_ALIGNMENT = 8;
const MAGIC_FIELDS_SIZE = 16;
const ARCHITECTURE_I386 = 0;

/** No header where a loader would look for one; says where one was found instead. */
export class NoMultiboot2HeaderError extends Error {
  override readonly name = 'NoMultiboot2HeaderError';
  constructor(
    /** What was found elsewhere, if anything. */
    readonly found?: string,
  ) {
    super(
      `no Multiboot2 header for i386 within the first ${SEARCH_LIMIT} bytes` +
        (found ? `; ${found}` : '; give an image built with Multiboot2 support'),
    );
  }
}

/** A header with a right checksum whose tags are malformed. */
export class Multiboot2HeaderTagError extends Error {
  override readonly name = 'Multiboot2HeaderTagError';
  constructor(
    readonly tagIndex: number,
    /** Bytes from the start of the file. */
    readonly offset: number,
    problem: string,
  ) {
    super(
      `Multiboot2 header tag ${tagIndex} at offset ${hex(offset, 1)}: ${problem}; mend the image's header`,
    );
  }
}

interface Candidate {
  readonly offset: number;
  readonly architecture: number;
  readonly length: number;
}

/**
 * The first header a loader would take; candidates with a wrong checksum or for another architecture are passed over.
 * @throws NoMultiboot2HeaderError where there is none; it says if one sits beyond the limit or misaligned.
 * @throws Multiboot2HeaderTagError where a tag has a size it cannot have, or the end tag is missing.
 */
export function parseMultiboot2Header(bytes: Uint8Array): Multiboot2Header {
  const reader = new ByteReader(bytes, 'Multiboot2 header');
  const limit = Math.min(SEARCH_LIMIT, bytes.length);
  for (const candidate of candidates(reader, HEADER_ALIGNMENT, limit))
    if (candidate.architecture === ARCHITECTURE_I386 && candidate.offset + candidate.length <= limit)
      return { ...candidate, tags: parseTags(reader, candidate) };
  throw new NoMultiboot2HeaderError(whatWasFound(reader));
}

/** Every place below `limit` with the magic and a right checksum, in order. */
function* candidates(reader: ByteReader, alignment: number, limit: number): Generator<Candidate> {
  for (let offset = 0; offset + MAGIC_FIELDS_SIZE <= limit; offset += alignment) {
    if (reader.u32(offset) !== MULTIBOOT2_HEADER_MAGIC) continue;
    const [architecture, length] = [reader.u32(offset + 4), reader.u32(offset + 8)];
    const sum = MULTIBOOT2_HEADER_MAGIC + architecture + length + reader.u32(offset + 12);
    if (sum % 2 ** 32 === 0) yield { offset, architecture, length };
  }
}

function whatWasFound(reader: ByteReader): string | undefined {
  const [first] = candidates(reader, 4, reader.length);
  if (!first) return undefined;
  const { offset, architecture, length } = first;
  const place = `one of ${length} bytes is at offset ${hex(offset, 1)}`;
  if (offset % HEADER_ALIGNMENT !== 0) return `${place}, no multiple of 8; align it in the image`;
  if (architecture !== ARCHITECTURE_I386) return `${place}, but for architecture ${architecture}`;
  if (offset + length > reader.length) return `${place}, beyond the file's end (${reader.length} bytes)`;
  return `${place} and ends beyond the limit; move it to the front when linking`;
}

function parseTags(reader: ByteReader, header: Candidate): HeaderTag[] {
  const end = header.offset + header.length;
  const tags: HeaderTag[] = [];
  for (let offset = header.offset + MAGIC_FIELDS_SIZE; ;) {
    const fail = (problem: string): never => {
      throw new Multiboot2HeaderTagError(tags.length, offset, problem);
    };
    if (offset + TAG_HEADER_SIZE > end) fail(`the header ends at ${hex(end, 1)} without an end tag`);
    const [typeNumber, size] = [reader.u16(offset), reader.u32(offset + 4)];
    if (typeNumber === END_TAG && size === TAG_HEADER_SIZE) return tags;
    const minimumSize = minimumHeaderTagSize(typeNumber);
    if (size < minimumSize) fail(`size ${size} is less than the ${minimumSize} bytes of type ${typeNumber}`);
    if (offset + size > end) fail(`size ${size} reaches beyond the header's end at ${hex(end, 1)}`);
    if (typeNumber === END_TAG) fail(`an end tag has ${TAG_HEADER_SIZE} bytes, not ${size}`);
    tags.push(headerTag(reader, offset, size));
    offset += alignUp(size, TAG_ALIGNMENT);
  }
}
