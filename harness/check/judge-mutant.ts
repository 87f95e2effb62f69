/** Whether a check notices that an image has forgotten its base in one place. */
import type { Checker } from './checker.ts';
import { type BaseResult, holdsAt, visibilityOf } from './contract.ts';
import { endingInWords, type LinkedImage } from './ending-words.ts';
import { changesAt, type Mutant, MutantReachError } from './mutants.ts';
import type { Killed } from './mutation-score.ts';

/**
 * Tries one base after the other until it does not hold.
 * @returns undefined where it holds at all of them that it can be made for
 * @throws what the checker throws
 */
export function judgeMutant(
  checker: Checker,
  mutant: Mutant,
  bases: readonly number[],
  image: LinkedImage,
): Killed | undefined {
  for (const loadBase of bases) {
    const changes = reachableChanges(mutant, loadBase, image.linkBase);
    const result = changes && checker.at(loadBase, changes);
    if (!result || holdsAt(result)) continue;
    return { by: noticed(result, image), loadBase, visibility: visibilityOf(result) };
  }
  return undefined;
}

function reachableChanges(mutant: Mutant, loadBase: number, linkBase: number) {
  try {
    return changesAt(mutant, loadBase, linkBase);
  } catch (error) {
    if (error instanceof MutantReachError) return undefined;
    throw error;
  }
}

/** What was noticed first. */
function noticed(result: BaseResult, image: LinkedImage): string {
  const [finding] = result.findings;
  if (finding) return finding.rule;
  if (!result.endsAsExpected) return `it ${endingInWords(result, image).text}`;
  const wrong = result.endState.find(({ ok }) => !ok);
  if (wrong) return `end state: ${wrong.text}`;
  return `asymmetry: ${result.asymmetries[0]?.place ?? 'unnamed'}`;
}
