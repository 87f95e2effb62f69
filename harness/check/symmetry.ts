/**
 * Relocation symmetry: the end states of two runs are the same but for the difference of their load bases. Source: invariant 9
 * of the project's history. What may differ otherwise is listed, with its reason: listed-places.ts.
 */
import { hex } from '../bits/hex.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { STATE_FIELDS } from '../x86/state/state-layout.ts';
import { misfitOf, registerFits, shiftOf, type Shift } from './by-the-base.ts';
import type { Asymmetry } from './contract.ts';
import { copyOf, pageAt, type EndState, type PhysicalRange } from './end-state.ts';
import { writeShifted, type IndexedTable, type ListedPlace } from './listed-places.ts';

/** What is compared, and what is known of it. */
export interface SymmetryFacts {
  /** The image moves with the base: so many bytes from the load base on. */
  readonly imageBytes: number;
  /** Memory that does not move, but may hold addresses that do. Whole pages. */
  readonly fixed: readonly PhysicalRange[];
  readonly listed: readonly ListedPlace[];
  /** What stands at an offset of the image, e.g. `boot_gdt+0x40`; undefined: nothing that has a name. */
  readonly nameOf: (offset: number) => string | undefined;
}

/** Where to look for it in a run at either base. */
export type AsymmetricPlace =
  | { readonly kind: 'register'; readonly field: string }
  /** Four bytes, at their physical addresses. */
  | { readonly kind: 'memory'; readonly reference: number; readonly here: number };

export interface FoundAsymmetry extends Asymmetry {
  readonly at: AsymmetricPlace;
}

export interface Asymmetries {
  /** In the order of registers, the image, other memory. */
  readonly first: readonly FoundAsymmetry[];
  /** How many there are in all. */
  readonly count: number;
}

/** So many are shown: one defect may shift thousands of words. */
const MOST_SHOWN = 16;

/** A reference end state, kept as it was: others are compared with it. */
export class Symmetry {
  readonly #facts: SymmetryFacts;
  readonly #loadBase: number;
  readonly #words: Int32Array;
  /** The reference image, its tables as they must be at the base that is looked at. */
  readonly #image: Int32Array;
  readonly #fixed: readonly { readonly range: PhysicalRange; readonly bytes: Int32Array }[];
  readonly #tables: readonly { readonly table: IndexedTable; readonly before: Int32Array }[];

  /** Copies what it needs: memory may be used again. */
  constructor(reference: EndState, facts: SymmetryFacts) {
    this.#facts = facts;
    this.#loadBase = reference.loadBase;
    this.#words = reference.words.slice();
    this.#image = wordsOf(reference, reference.loadBase, facts.imageBytes);
    this.#fixed = facts.fixed.map((range) => ({
      range,
      bytes: wordsOf(reference, range.start, range.end - range.start),
    }));
    this.#tables = facts.listed
      .filter((place) => place.kind === 'indexed by address')
      .map((table) => ({ table, before: part(this.#image, table).slice() }));
  }

  /** What differs from the reference otherwise than by the difference of the load bases. */
  against(here: EndState): Asymmetries {
    const found = new Found(shiftOf(here.loadBase - this.#loadBase));
    compareRegisters(this.#words, here.words, found);
    this.#expectTablesAt(here.loadBase);
    comparePages(this.#image, here, here.loadBase, found, (offset) => this.#imagePlace(offset, here));
    for (const { range, bytes } of this.#fixed)
      comparePages(bytes, here, range.start, found, (offset) => fixedPlace(range.start + offset));
    return { first: found.first, count: found.count };
  }

  #expectTablesAt(loadBase: number): void {
    const image = { from: this.#loadBase, sizeBytes: this.#facts.imageBytes };
    for (const { table, before } of this.#tables)
      writeShifted(table, before, part(this.#image, table), image, loadBase - this.#loadBase);
  }

  #imagePlace(offset: number, here: EndState): Named | undefined {
    const { listed, nameOf } = this.#facts;
    const isFree = listed.some(
      (place) =>
        place.kind === 'anything' && offset >= place.offset && offset < place.offset + place.sizeBytes,
    );
    if (isFree) return undefined;
    const name = nameOf(offset);
    return {
      place: `image+0x${offset.toString(16)}${name === undefined ? '' : ` (${name})`}`,
      at: { kind: 'memory', reference: this.#loadBase + offset, here: here.loadBase + offset },
    };
  }
}

type Named = Pick<FoundAsymmetry, 'place' | 'at'>;

class Found {
  readonly first: FoundAsymmetry[] = [];
  count = 0;

  constructor(readonly shift: Shift) {}

  add(named: () => Named, reference: bigint, here: bigint): void {
    if (this.count++ < MOST_SHOWN) this.first.push({ ...named(), reference, here });
  }
}

function fixedPlace(address: number): Named {
  return { place: `memory ${hex(address)}`, at: { kind: 'memory', reference: address, here: address } };
}

function compareRegisters(reference: Int32Array, here: Int32Array, found: Found): void {
  for (const { name, word, isWide } of STATE_FIELDS) {
    const [a0, b0] = [reference[word]!, here[word]!];
    const [a1, b1] = isWide ? [reference[word + 1]!, here[word + 1]!] : [0, 0];
    if (registerFits(a0, a1, b0, b1, found.shift)) continue;
    found.add(() => ({ place: name, at: { kind: 'register', field: name } }), wide(a0, a1), wide(b0, b1));
  }
}

/** @param where of the word at an offset; undefined: it may be anything */
function comparePages(
  reference: Int32Array,
  here: EndState,
  start: number,
  found: Found,
  where: (offset: number) => Named | undefined,
): void {
  const bytes = new Uint8Array(reference.buffer);
  for (let offset = 0; offset < bytes.length; offset += PAGE_BYTES) {
    const before = bytes.subarray(offset, offset + PAGE_BYTES);
    const after = piece(here, start + offset, before.length);
    if (Buffer.compare(before, after) === 0) continue;
    comparePage(reference, offset, after, found, where);
  }
}

function comparePage(
  reference: Int32Array,
  offset: number,
  after: Uint8Array,
  found: Found,
  where: (offset: number) => Named | undefined,
): void {
  const here = new Int32Array(after.buffer, after.byteOffset, after.length >> 2);
  const first = offset >> 2;
  for (let word = 0; word < here.length; word += 2) {
    const [a0, a1] = [reference[first + word]!, reference[first + word + 1]!];
    const [b0, b1] = [here[word]!, here[word + 1]!];
    if (a0 === b0 && a1 === b1) continue;
    const misfit = misfitOf(a0, a1, b0, b1, found.shift);
    if (misfit === 'low' || misfit === 'both') note(offset + 4 * word, a0, b0);
    if (misfit === 'high' || misfit === 'both') note(offset + 4 * word + 4, a1, b1);
  }

  function note(at: number, a: number, b: number): void {
    const named = where(at);
    if (named) found.add(() => named, wide(a, 0), wide(b, 0));
  }
}

/** At most a page, where words may be read from it. */
function piece({ memory }: EndState, address: number, sizeBytes: number): Uint8Array {
  if (address % PAGE_BYTES === 0) return pageAt(memory, address / PAGE_BYTES).subarray(0, sizeBytes);
  return copyOf(memory, address, new Uint8Array(sizeBytes));
}

/** Bytes as words, to the end of the last 8-byte piece. */
function wordsOf({ memory }: EndState, address: number, sizeBytes: number): Int32Array {
  const buffer = new ArrayBuffer(Math.ceil(sizeBytes / 8) * 8);
  copyOf(memory, address, new Uint8Array(buffer));
  return new Int32Array(buffer);
}

function part(image: Int32Array, { offset, sizeBytes }: IndexedTable): Int32Array {
  return image.subarray(offset >> 2, (offset + sizeBytes) >> 2);
}

function wide(low: number, high: number): bigint {
  return BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
}
