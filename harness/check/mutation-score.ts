/** How many forgotten bases a check notices: of one entry, from judgements. Pure. */
import type { EntryName, Visibility } from './contract.ts';
import type { Mutant, Mutants, Unmade } from './mutants.ts';
import type { MutationKind } from './mutation-rules.ts';

/** At the first base at which something was noticed. */
export interface Killed {
  /** In words. */
  readonly by: string;
  readonly loadBase: number;
  /** Whether the console of a real boot would show it there. */
  readonly visibility: Visibility;
}

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
  /** undefined: it holds at every base that was tried. */
  readonly killed: Killed | undefined;
}

export interface Survivor {
  readonly mutant: Mutant;
  /** Why it is equivalent; undefined: unexplained. */
  readonly because: string | undefined;
}

export interface KindScore {
  readonly total: number;
  readonly killed: number;
}

export interface MutationScore {
  readonly entry: EntryName;
  readonly total: number;
  readonly killed: number;
  /** killed / total; 1 where there is nothing to divide by. */
  readonly score: number;
  readonly byKind: Readonly<Partial<Record<MutationKind, KindScore>>>;
  readonly survivors: readonly Survivor[];
  /** Of the killed, those whose boot goes on as if nothing were wrong. */
  readonly silent: number;
  /** Not among the total: places where something base-relative is computed that nothing reads. */
  readonly dead: readonly Unmade[];
  /** Not among the total: places that no mutant could be made of. */
  readonly unmade: readonly Unmade[];
  /** Explanations that no survivor needs: of another build, or a check that has become sharper. */
  readonly idle: readonly Explanation[];
}

/** The least part of all mutants that must be killed. */
export const LEAST_SCORE = 0.99;

/** Of all entries together: enough are killed, and each survivor is explained. */
export function isScoreReached(scores: readonly MutationScore[]): boolean {
  const sum = (of: (score: MutationScore) => number) => scores.reduce((all, score) => all + of(score), 0);
  return (
    ratio(
      sum(({ killed }) => killed),
      sum(({ total }) => total),
    ) >= LEAST_SCORE &&
    scores.every(({ survivors }) => survivors.every(({ because }) => because !== undefined))
  );
}

export interface JudgedEntry extends Pick<Mutants, 'dead' | 'unmade'> {
  readonly entry: EntryName;
  readonly judgements: readonly Judgement[];
  readonly explanations: readonly Explanation[];
}

export function scoreJudgements({
  entry,
  judgements,
  explanations,
  dead,
  unmade,
}: JudgedEntry): MutationScore {
  const needed = new Set<Explanation>();
  const survivors = judgements.flatMap(({ mutant, killed }) => {
    if (killed) return [];
    const explanation = explanations.find((each) => isAbout(each, mutant));
    if (explanation) needed.add(explanation);
    return [{ mutant, because: explanation?.because }];
  });
  const { length: total } = judgements;
  const killed = total - survivors.length;
  return {
    ...{ entry, total, killed, score: ratio(killed, total), survivors, dead, unmade },
    byKind: byKind(judgements),
    silent: judgements.filter((one) => one.killed?.visibility === 'silent').length,
    idle: explanations.filter((each) => !needed.has(each)),
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
