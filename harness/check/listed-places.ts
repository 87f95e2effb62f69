/** The listed set: places of an image that differ between load bases otherwise than by the base, and what holds of them. */

/** Bytes of the image from its first. */
interface ImagePlace {
  /** What it is called in reports. */
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
  /** A whole clause: why it is listed. */
  readonly because: string;
}

export type ListedPlace =
  /**
   * A table of 8-byte entries that large pages of the image itself stand in at the index which their address has: those
   * move by as many entries as the base moves by pages, and by the base. All other entries keep their index.
   */
  | (ImagePlace & { readonly kind: 'indexed by address'; readonly pageBytes: number })
  /** Nothing is known of it here: something else must look at it. */
  | (ImagePlace & { readonly kind: 'anything' });

export type IndexedTable = Extract<ListedPlace, { kind: 'indexed by address' }>;

const ENTRY_WORDS = 2;
/** Bits of an entry that are no address; a large page is aligned beyond them. */
const FLAG_BITS = 0xfff;

/**
 * Writes what a table must hold at another load base.
 * @param before as it is at the reference base, where the image is at `from`.
 * @param into as many words.
 * @param shiftBytes from the reference base to the other.
 */
export function writeShifted(
  table: IndexedTable,
  before: Int32Array,
  into: Int32Array,
  image: { readonly from: number; readonly sizeBytes: number },
  shiftBytes: number,
): void {
  const { pageBytes } = table;
  into.set(before);
  const moved: number[] = [];
  for (let word = 0; word < before.length; word += ENTRY_WORDS) {
    const address = (before[word]! & ~FLAG_BITS) >>> 0;
    const own = (word / ENTRY_WORDS) * pageBytes;
    const isOfImage = address + pageBytes > image.from && address < image.from + image.sizeBytes;
    if (before[word] === 0 || address !== own || !isOfImage) continue;
    moved.push(word);
    into.fill(0, word, word + ENTRY_WORDS);
  }
  const by = (shiftBytes / pageBytes) * ENTRY_WORDS;
  for (const word of moved) {
    if (!Number.isInteger(by) || word + by < 0 || word + by >= into.length) continue;
    into[word + by] = (before[word]! + shiftBytes) | 0;
    into[word + by + 1] = before[word + 1]!;
  }
}
