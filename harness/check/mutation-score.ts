/** How many forgotten bases a check notices. Pure; who judges is given. */
import { hasResultOnly, type Mutant } from './mutants.ts';
import type { MutationKind } from './mutation-rules.ts';

export interface Killed {
  /** What was noticed first, in words. */
  readonly by: string;
}

/**
 * To notice all that can be noticed it tries the mutant at a load base that is not the link base, and at a misaligned one.
 * @param off what `changesAt` of mutants.ts takes: another wrong value
 * @returns undefined where nothing was noticed
 */
export type Judge = (mutant: Mutant, off?: number) => Killed | undefined;

/** Why a mutant that survives is equivalent to the image: data, looked through by a person. */
export interface Explanation {
  /** `trampoline_setup+0x1c` as the mutant has it, or the name alone. */
  readonly symbol: string;
  /** The original instruction; left out: whatever else fits. */
  readonly text?: string;
  /** What its memory operand names, as a link-time address; left out: whatever else fits. */
  readonly refersTo?: number;
  /** A clause. */
  readonly because: string;
}

export interface Judgement {
  readonly mutant: Mutant;
  readonly killed: Killed | undefined;
  /** Whether any other wrong result is as good, so that nothing on this way uses it. */
  readonly isUnused: boolean;
}

export interface Survivor {
  readonly mutant: Mutant;
  /** Why it is equivalent; undefined: unexplained. */
  readonly because: string | undefined;
}

export interface MutationScore {
  readonly total: number;
  readonly killed: number;
  /** Survivors whose result is shown to go nowhere: no base was forgotten, for none was needed. */
  readonly unused: number;
  /** Survivors with a reason, the unused ones among them. */
  readonly equivalent: number;
  /** killed / total; this and the following are 1 where there is nothing to divide by. */
  readonly ofAll: number;
  /** killed / (total − unused) */
  readonly ofUsed: number;
  /** killed / (total − equivalent) */
  readonly ofNotEquivalent: number;
  readonly survivors: readonly Survivor[];
  readonly byKind: Readonly<Partial<Record<MutationKind, KindScore>>>;
  /** Explanations that no survivor needs: of another build, or a check that has become sharper. */
  readonly idle: readonly Explanation[];
}

export interface KindScore {
  readonly total: number;
  readonly killed: number;
}

/** Of different low bits, so that no alignment or table index hides both. */
const OTHER_VALUES = [0x0123_4568, 0x05a5_a5a1];
const UNUSED = 'nothing on this way uses its result: other wrong values end the same';

/** @throws what the judge throws */
export function scoreMutants(
  mutants: readonly Mutant[],
  judge: Judge,
  explained: readonly Explanation[] = [],
): MutationScore {
  return scoreJudgements(
    mutants.map((mutant) => judgeMutant(mutant, judge)),
    explained,
  );
}

/** One mutant; a survivor whose result goes nowhere is tried with other wrong results, too. */
export function judgeMutant(mutant: Mutant, judge: Judge): Judgement {
  const killed = judge(mutant);
  const isUnused =
    killed === undefined &&
    hasResultOnly(mutant) &&
    OTHER_VALUES.every((off) => judge(mutant, off) === undefined);
  return { mutant, killed, isUnused };
}

/** For judges elsewhere, such as workers. */
export function scoreJudgements(
  judgements: readonly Judgement[],
  explained: readonly Explanation[] = [],
): MutationScore {
  const needed = new Set<Explanation>();
  const survivors = judgements.flatMap(({ mutant, killed, isUnused }) => {
    if (killed) return [];
    if (isUnused) return [{ mutant, because: UNUSED }];
    const explanation = explained.find((each) => isAbout(each, mutant));
    if (explanation) needed.add(explanation);
    return [{ mutant, because: explanation?.because }];
  });
  const { length: total } = judgements;
  const killed = total - survivors.length;
  const unused = judgements.filter(({ isUnused }) => isUnused).length;
  const equivalent = survivors.filter(({ because }) => because !== undefined).length;
  return {
    ...{ total, killed, unused, equivalent, survivors, byKind: byKind(judgements) },
    ofAll: ratio(killed, total),
    ofUsed: ratio(killed, total - unused),
    ofNotEquivalent: ratio(killed, total - equivalent),
    idle: explained.filter((each) => !needed.has(each)),
  };
}

function isAbout({ symbol, text, refersTo }: Explanation, mutant: Mutant): boolean {
  const isThere = symbol === mutant.symbol || symbol === mutant.symbol?.replace(/\+0x[0-9a-f]+$/, '');
  return (
    isThere &&
    (text === undefined || text === mutant.original) &&
    (refersTo === undefined || refersTo === mutant.refersTo)
  );
}

const ratio = (part: number, whole: number) => (whole === 0 ? 1 : part / whole);

function byKind(judgements: readonly Judgement[]): MutationScore['byKind'] {
  const scores: Partial<Record<MutationKind, KindScore>> = {};
  for (const { mutant, killed } of judgements) {
    const before = scores[mutant.kind] ?? { total: 0, killed: 0 };
    scores[mutant.kind] = { total: before.total + 1, killed: before.killed + (killed ? 1 : 0) };
  }
  return scores;
}
