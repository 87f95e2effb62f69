/** A check that was done: what its reports are made of. */
import type { TriedBases } from '../check/base-words.ts';
import type { BaseResult } from '../check/contract.ts';
import { isScoreReached } from '../check/mutation-score.ts';
import type { MutationScores } from '../check/workers/score-mutants.ts';
import type { CheckSummary, EntrySummary } from '../check/summary.ts';
import type { Subject } from '../scenario/subject.ts';
import type { CheckOptions } from './run-options.ts';

export interface Checked {
  readonly subject: Subject;
  readonly options: CheckOptions;
  readonly results: readonly BaseResult[];
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
