/** A kind of instruction that sequences are made of. */
import type { Draft } from './draft.ts';
import type { Piece } from './encoding.ts';

/** A jump over the next units; its distance is put into its last bytes when they are laid out. */
export interface Skip {
  /** Units; those beyond the sequence's end count for nothing. */
  readonly count: number;
  readonly distanceBytes: 1 | 2 | 4;
}

/** What only makes sense together: an instruction and what loads its registers before. */
export interface Unit {
  readonly pieces: readonly Piece[];
  readonly skip?: Skip;
}

/** @returns undefined where the mode has no such instruction. */
export type Form = (draft: Draft) => readonly Piece[] | Unit | undefined;

export interface WeightedForm {
  readonly weight: number;
  readonly form: Form;
}
