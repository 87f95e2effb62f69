/** What a worker of a mutation score does: makes an entry's mutants, or judges some of them. */
import type { CheckedImageData } from '../checker.ts';
import { holdsAt, type EntryName } from '../contract.ts';
import { basesForMutants, mutantsOfImage, NotMutableError } from '../image-mutants.ts';
import { judgeMutant } from '../judge-mutant.ts';
import { type ImageChecker, modelOf } from '../model-checker.ts';
import type { Mutant, Mutants } from '../mutants.ts';
import { xenExplanations } from '../mutation-explanations.ts';
import type { Explanation, Judgement } from '../mutation-score.ts';
import type { Serve } from './serve-jobs.ts';

export interface MutantJob {
  readonly entry: EntryName;
  /** Those to judge; absent: they are to be made. */
  readonly mutants?: readonly Mutant[];
}

export type MutantResult =
  | {
      readonly kind: 'made';
      readonly entry: EntryName;
      readonly mutants: Mutants;
      readonly explanations: readonly Explanation[];
    }
  /** Nothing can be learnt from mutants of it. @param reason a sentence */
  | { readonly kind: 'refused'; readonly entry: EntryName; readonly reason: string }
  | { readonly kind: 'judged'; readonly entry: EntryName; readonly judgement: Judgement };

/** One checker at a time, as each holds a machine's memory. */
export function mutantJobs(data: CheckedImageData): Serve<MutantJob, MutantResult> {
  let made: { readonly entry: EntryName; readonly checker: ImageChecker } | undefined;
  return async function* ({ entry, mutants }) {
    if (made?.entry !== entry) {
      made = undefined;
      made = { entry, checker: await modelOf(data, entry) };
    }
    const { checker } = made;
    if (!mutants) yield make(checker, entry);
    else
      for (const mutant of mutants) yield { kind: 'judged', entry, judgement: judgementOf(checker, mutant) };
  };
}

function judgementOf(checker: ImageChecker, mutant: Mutant): Judgement {
  const { image } = checker;
  return { mutant, killed: judgeMutant(checker, mutant, basesForMutants(image), image.loaded) };
}

function make(checker: ImageChecker, entry: EntryName): MutantResult {
  const { symbols } = checker.knowledge;
  try {
    requireHolding(checker);
    const explanations = symbols ? xenExplanations(symbols) : [];
    return { kind: 'made', entry, mutants: mutantsOfImage(checker), explanations };
  } catch (error) {
    if (error instanceof NotMutableError) return { kind: 'refused', entry, reason: error.message };
    throw error;
  }
}

/** A mutant of what fails by itself proves nothing. @throws NotMutableError */
function requireHolding(checker: ImageChecker): void {
  const failing = basesForMutants(checker.image).filter((base) => !holdsAt(checker.at(base)));
  if (failing.length === 0) return;
  const where = failing.map((base) => `0x${base.toString(16)}`).join(', ');
  throw new NotMutableError(`the image itself does not hold at ${where}; mend that first`);
}
