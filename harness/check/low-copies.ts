/** Where an image has copied code of its own below 1 MiB, as its bytes tell; asked only where something is told of code there. */
import { MIB } from '../bits/align.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { copyOf } from './end-state.ts';
import type { ForeignCode, ImageCopy } from './executed-instructions.ts';
import { imageCopies } from './image-copies.ts';
import type { LoadedBytes } from './loaded-bytes.ts';

/** So many bytes are compared on either side of a place, in pieces as long as an instruction may be. */
const [AROUND, PIECE] = [480, 15];
/** Searches that found nothing, of all bases: each goes through the image many times. */
const MOST_VAIN = 8;

export class LowCopies {
  readonly #image: LoadedBytes;
  /** Link time − physical: the same at most bases. */
  readonly #distances = new Set<number>();
  #vain = 0;

  constructor(image: LoadedBytes) {
    this.#image = image;
  }

  /** @param places linear, which below 1 MiB are physical @returns copies that hold some of them */
  around(memory: PhysicalMemory, places: readonly bigint[]): ImageCopy[] {
    const copies: ImageCopy[] = [];
    for (const place of places.filter((each) => each < BigInt(MIB)).map(Number)) {
      if (copies.some((copy) => holds(copy, place))) continue;
      const copy = this.#around(memory, place);
      if (copy) copies.push(copy);
    }
    return copies;
  }

  #around(memory: PhysicalMemory, place: number): ImageCopy | undefined {
    const pieces = piecesAround(memory, place);
    for (const distance of this.#distances) {
      const copy = this.#copyAt(pieces, place, distance);
      if (copy) return copy;
    }
    if (this.#vain >= MOST_VAIN) return undefined;
    const [found] = imageCopies(pieces.filter(isTelling), this.#image);
    const distance = found && found.linkTime - found.address;
    const copy = distance === undefined ? undefined : this.#copyAt(pieces, place, distance);
    if (copy && distance !== undefined) this.#distances.add(distance);
    else this.#vain++;
    return copy;
  }

  /** As far as the bytes are alike; undefined where those at the place itself are not. */
  #copyAt(pieces: readonly ForeignCode[], place: number, distance: number): ImageCopy | undefined {
    const alike = pieces.filter((piece) => this.#isAlike(piece, distance));
    if (!alike.some(({ physical, bytes }) => place === physical && isTelling({ bytes }))) return undefined;
    const starts = alike.map(({ physical }) => physical);
    const address = Math.min(...starts);
    return { address, linkTime: address + distance, sizeBytes: Math.max(...starts) + PIECE - address };
  }

  /** Some bytes are changed in a copy. */
  #isAlike({ physical, bytes }: ForeignCode, distance: number): boolean {
    const { master, linkBase } = this.#image;
    const from = physical + distance - linkBase;
    const same = bytes.filter((byte, index) => byte === master[from + index]);
    return 2 * same.length > bytes.length;
  }
}

/** One of them begins at the place. */
function piecesAround(memory: PhysicalMemory, place: number): ForeignCode[] {
  const pieces: ForeignCode[] = [];
  for (let physical = place - AROUND; physical < place + AROUND; physical += PIECE)
    if (physical >= 0) pieces.push({ physical, bytes: copyOf(memory, physical, new Uint8Array(PIECE)) });
  return pieces;
}

/** Zeros are everywhere. */
function isTelling({ bytes }: Pick<ForeignCode, 'bytes'>): boolean {
  return bytes.some((byte) => byte !== bytes[0]);
}

function holds({ address, sizeBytes }: ImageCopy, physical: number): boolean {
  return physical >= address && physical < address + sizeBytes;
}
