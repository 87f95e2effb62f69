/** From a program on which the model parts from QEMU to the smallest part of it that still shows it. */
import { countInstructions, type Sequence } from '../sequences/sequence.ts';
import { type Program, programOf } from '../sequences/program.ts';
import { type Fails, shrink } from '../sequences/shrink.ts';
import { divergencesOf, type SequenceDivergence } from './divergence.ts';
import type { OracleRun, SequenceOracle } from './sequence-oracle.ts';

export interface SmallestDivergence {
  readonly sequences: readonly Sequence[];
  /** Of the smallest program; the first one first. */
  readonly divergences: readonly SequenceDivergence[];
  /** Boots that it took. */
  readonly boots: number;
}

/** In the order in which they came. */
export function divergences(
  oracle: Pick<SequenceOracle, 'regionBase'>,
  { trace, notes }: Pick<OracleRun, 'trace' | 'notes'>,
  { regions }: Program,
): SequenceDivergence[] {
  return divergencesOf(trace, notes, regions, (bitness) => oracle.regionBase(bitness));
}

/**
 * @param run of that program, with notes
 * @throws NothingToShrinkError where it does not diverge again, and what a run throws
 */
export async function smallestDivergence(
  oracle: Pick<SequenceOracle, 'regionBase' | 'run'>,
  program: Program,
  run: Pick<OracleRun, 'trace' | 'notes'>,
): Promise<SmallestDivergence> {
  let boots = 0;
  const fails: Fails = async (sequences) => {
    boots++;
    const { notes } = await oracle.run(programOf(sequences, program.scratch));
    return notes.length > 0;
  };
  const suspect = suspectOf(divergences(oracle, run, program));
  const first = suspect && (await fails([suspect])) ? [suspect] : program.sequences;
  const sequences = await shrink(first, fails);
  const smallest = programOf(sequences, program.scratch);
  boots++;
  return { sequences, divergences: divergences(oracle, await oracle.run(smallest), smallest), boots };
}

/** The sequence of the first divergence, to its end: most often it alone is enough. */
function suspectOf(found: readonly SequenceDivergence[]): Sequence | undefined {
  const first = found.find((divergence) => divergence.found !== undefined)?.found;
  if (!first || first.unitIndex < 0) return undefined;
  return { ...first.sequence, units: first.sequence.units.slice(0, first.unitIndex + 1) };
}

/** e.g. `1 sequence, 1 instruction`. */
export function sizeText(sequences: readonly Sequence[]): string {
  const instructions = countInstructions(sequences);
  const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  return `${plural(sequences.length, 'sequence')}, ${plural(instructions, 'instruction')}`;
}
