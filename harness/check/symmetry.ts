/**
 * Relocation symmetry: the end states of two runs are the same but for the difference of their load bases. Source: invariant 9
 * of the project's history. What may differ otherwise is listed, with its reason: listed-places.ts.
 */
import { hex } from '../bits/hex.ts';
import { STATE_FIELDS, type StateField } from '../x86/state/state-layout.ts';
import { registerFits, shiftOf, type Shift } from './by-the-base.ts';
import { ComparedMemory } from './compared-memory.ts';
import type { Asymmetry } from './contract.ts';
import type { EndState, PhysicalRange } from './end-state.ts';
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
  readonly #image: ComparedMemory;
  readonly #fixed: readonly { readonly start: number; readonly memory: ComparedMemory }[];
  readonly #tables: readonly { readonly table: IndexedTable; readonly before: Int32Array }[];
  /** Registers that move with the base; undefined: any may. */
  readonly #moving: ReadonlySet<string> | undefined;

  /**
   * Copies what it needs: memory may be used again.
   * @param reference best at the link base: there a store that forgets its base goes where it should, elsewhere it does not.
   * @param second at another base: what differs there by the base must do so everywhere, and nothing else may. Absent: any
   * word may be the same or differ by the base.
   */
  constructor(reference: EndState, facts: SymmetryFacts, second?: EndState) {
    this.#facts = facts;
    this.#loadBase = reference.loadBase;
    this.#words = reference.words.slice();
    this.#image = new ComparedMemory(reference.memory, reference.loadBase, facts.imageBytes);
    this.#fixed = facts.fixed.map(({ start, end }) => ({
      start,
      memory: new ComparedMemory(reference.memory, start, end - start),
    }));
    this.#tables = facts.listed
      .filter((place) => place.kind === 'indexed by address')
      .map((table) => ({ table, before: part(this.#image.words, table).slice() }));
    for (const { table } of this.#tables) this.#image.expects(table.offset, table.sizeBytes);
    this.#moving = second && this.#learn(second);
  }

  /** What differs from the reference otherwise than by the difference of the load bases. */
  against(here: EndState): Asymmetries {
    const { memory, loadBase } = here;
    const shift = shiftOf(loadBase - this.#loadBase);
    const found = new Found();
    this.#compareRegisters(here.words, shift, found);
    this.#expectTablesAt(loadBase);
    this.#image.compare(memory, loadBase, shift, (offset, a, b) => {
      const named = this.#imagePlace(offset, here);
      if (named) found.add(named, wide(a, 0), wide(b, 0));
    });
    for (const { start, memory: reference } of this.#fixed)
      reference.compare(memory, start, shift, (offset, a, b) =>
        found.add(fixedPlace(start + offset), wide(a, 0), wide(b, 0)),
      );
    return { first: found.first, count: found.count };
  }

  /** @returns registers that move. @throws RangeError where both are at one base */
  #learn({ loadBase, memory, words }: EndState): ReadonlySet<string> {
    const shift = shiftOf(loadBase - this.#loadBase);
    if (loadBase === this.#loadBase) throw new RangeError('what moves is learnt from runs at two load bases');
    this.#expectTablesAt(loadBase);
    this.#image.learn(memory, loadBase, shift);
    for (const { start, memory: reference } of this.#fixed) reference.learn(memory, start, shift);
    return new Set(
      STATE_FIELDS.filter((field) => !isSame(field, this.#words, words)).map(({ name }) => name),
    );
  }

  #expectTablesAt(loadBase: number): void {
    const image = { from: this.#loadBase, sizeBytes: this.#facts.imageBytes };
    for (const { table, before } of this.#tables)
      writeShifted(table, before, part(this.#image.words, table), image, loadBase - this.#loadBase);
  }

  #compareRegisters(here: Int32Array, shift: Shift, found: Found): void {
    for (const field of STATE_FIELDS) {
      const { name } = field;
      const mayStay = shift.low === 0 || this.#moving?.has(name) !== true;
      const mayMove = this.#moving?.has(name) !== false;
      const [a0, a1] = halves(field, this.#words);
      const [b0, b1] = halves(field, here);
      const fits = isSame(field, this.#words, here)
        ? mayStay
        : mayMove && registerFits(a0, a1, b0, b1, shift);
      if (!fits)
        found.add({ place: name, at: { kind: 'register', field: name } }, wide(a0, a1), wide(b0, b1));
    }
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

  add(named: Named, reference: bigint, here: bigint): void {
    if (this.count++ < MOST_SHOWN) this.first.push({ ...named, reference, here });
  }
}

function fixedPlace(address: number): Named {
  return { place: `memory ${hex(address)}`, at: { kind: 'memory', reference: address, here: address } };
}

/** The high half of a narrow field is 0. */
function halves({ word, isWide }: StateField, words: Int32Array): [low: number, high: number] {
  return [words[word]!, isWide ? words[word + 1]! : 0];
}

function isSame({ word, isWide }: StateField, a: Int32Array, b: Int32Array): boolean {
  return a[word] === b[word] && (!isWide || a[word + 1] === b[word + 1]);
}

function part(image: Int32Array, { offset, sizeBytes }: IndexedTable): Int32Array {
  return image.subarray(offset >> 2, (offset + sizeBytes) >> 2);
}

function wide(low: number, high: number): bigint {
  return BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
}
