/** A check that was done: what its reports are made of. */
import type { TriedBases } from '../check/base-words.ts';
import type { BaseResult } from '../check/contract.ts';
import { isScoreReached } from '../check/mutation-score.ts';
import type { MutationScores } from '../check/workers/score-mutants.ts';
import type { UnservedBases } from '../check/served-bases.ts';
import type { CheckSummary, EntrySummary } from '../check/summary.ts';
import type { Subject } from '../scenario/subject.ts';
import type { CheckOptions } from './run-options.ts';

export interface Checked {
  readonly subject: Subject;
  readonly options: CheckOptions;
  readonly results: readonly BaseResult[];
  /** Bases that were asked for and not tried: no machine of ours leaves the image its place there. */
  readonly unserved: readonly UnservedBases[];
  readonly summary: CheckSummary;
  readonly isMisaligned: (base: number) => boolean;
  readonly durationMs: number;
  /** Where it was asked for, and the image itself holds. */
  readonly mutants?: CheckedMutants;
}

export interface CheckedMutants extends MutationScores {
  readonly durationMs: number;
}

/** Whether nothing is wrong with the image, nor with what is known of its mutants. */
export function isAllWell({ summary, mutants }: Checked): boolean {
  return summary.holds && (!mutants || (mutants.refused.length === 0 && isScoreReached(mutants.scores)));
}

export function triedBases(
  { subject, isMisaligned }: Checked,
  { tried }: Pick<EntrySummary, 'tried'>,
): TriedBases {
  return { tried, isMisaligned, linkBase: subject.image.loaded.linkBase };
}

/** Why bases were not tried, in words. */
export function notTriedBecause({ entry, because }: Pick<UnservedBases, 'entry' | 'because'>): string {
  switch (because.kind) {
    case 'no machine':
      return `no machine whose answers are known has ${entry} firmware`;
    case 'no such entry':
      return 'it keeps no boot services or has no 64-bit EFI entry (header tags 7 and 9), and how GRUB enters it then was never captured';
    case 'occupied':
      return `each machine whose answers are known keeps memory there (${because.by.join(', ')})`;
  }
}
