/** A check that was done: what its reports are made of. */
import type { TriedBases } from '../check/base-words.ts';
import type { BaseResult } from '../check/contract.ts';
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
}

export function triedBases(
  { subject, isMisaligned }: Checked,
  { tried }: Pick<EntrySummary, 'tried'>,
): TriedBases {
  return { tried, isMisaligned, linkBase: subject.image.loaded.linkBase };
}
