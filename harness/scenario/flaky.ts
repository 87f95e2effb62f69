/**
 * What the repeats of an instance say together: where their verdicts differ, the instance is flaky. Only pass, fail and
 * crash count: an error is of the host and a skip of what is missing, and each stands for itself. Pure.
 */
import type { InstanceResult, Verdict } from './contract.ts';
import { nameWithoutRepeat, repeatInName } from './instance-name.ts';

/** In this order they are told. */
const VERDICTS: readonly Verdict[] = ['pass', 'fail', 'crash', 'error', 'skip'];
const JUDGED: ReadonlySet<Verdict> = new Set(['pass', 'fail', 'crash']);
/** The results of the repeats themselves name all of them. */
const MAX_NAMED = 6;
const MAX_REASONS = 2;

/** The repeats of a run's plan, as they end. */
export class RepeatGroups {
  readonly #sizes = new Map<string, number>();
  readonly #ended = new Map<string, InstanceResult[]>();

  constructor(planned: readonly { readonly name: string }[]) {
    for (const { name } of planned) {
      const common = nameWithoutRepeat(name);
      if (common !== name) this.#sizes.set(common, (this.#sizes.get(common) ?? 0) + 1);
    }
  }

  /** To be told each result once, in any order. @returns one more result where this was the last repeat and they differ. */
  ended(result: InstanceResult): InstanceResult | undefined {
    const common = nameWithoutRepeat(result.name);
    const size = this.#sizes.get(common);
    if (size === undefined || common === result.name) return undefined;
    const members = [...(this.#ended.get(common) ?? []), result];
    this.#ended.set(common, members);
    return members.length === size ? flakyResult(members) : undefined;
  }
}

/**
 * One result for each instance all of whose planned repeats are in `results` and disagree, in the order in which they
 * were complete. Flaky results that are already there are not looked at: to recompute them, put these in their place.
 */
export function flakyResults(
  results: readonly InstanceResult[],
  planned: readonly { readonly name: string }[],
): InstanceResult[] {
  const groups = new RepeatGroups(planned);
  return results.flatMap((result) => groups.ended(result) ?? []);
}

/** @param repeats all of one instance. */
function flakyResult(repeats: readonly InstanceResult[]): InstanceResult | undefined {
  const judged = repeats.filter(({ verdict }) => JUDGED.has(verdict));
  if (new Set(judged.map(({ verdict }) => verdict)).size < 2) return undefined;
  const ordered = [...repeats].sort((one, other) => repeatOf(one) - repeatOf(other));
  const groups = VERDICTS.map((verdict) => ordered.filter((each) => each.verdict === verdict)).filter(
    ({ length }) => length > 0,
  );
  const odd = firstOdd(ordered);
  return {
    ...odd,
    name: nameWithoutRepeat(odd.name),
    verdict: 'flaky',
    reason: [countsText(groups, repeats.length), ...groups.flatMap(reasonsText)].join('; '),
    durationMs: 0,
    checkpoints: [],
    notPossible: [],
    repeat: `${odd.repeat} --repeat ${repeats.length}`,
  };
}

/** The first whose verdict is not the usual one of those that were judged; between equals, passing is usual. */
function firstOdd(ordered: readonly InstanceResult[]): InstanceResult {
  const judged = ordered.filter(({ verdict }) => JUDGED.has(verdict));
  const count = (verdict: Verdict) => judged.filter((each) => each.verdict === verdict).length;
  const [usual] = VERDICTS.filter((verdict) => JUDGED.has(verdict)).sort((a, b) => count(b) - count(a));
  const {
    note: _,
    death: __,
    excerpt: ___,
    start: ____,
    ...odd
  } = judged.find(({ verdict }) => verdict !== usual)!;
  return odd;
}

/** `18 of 20 pass, 2 crash (repeat-7, repeat-13)` */
function countsText(groups: readonly (readonly InstanceResult[])[], all: number): string {
  return groups
    .map((members, index) => {
      const verdict = members[0]?.verdict ?? '';
      const count = index === 0 ? `${members.length} of ${all} ${verdict}` : `${members.length} ${verdict}`;
      return verdict === 'pass' ? count : `${count} (${namesText(members)})`;
    })
    .join(', ');
}

function namesText(members: readonly InstanceResult[]): string {
  const names = members.map((each) => `repeat-${repeatOf(each)}`);
  const more = names.length - MAX_NAMED;
  return more > 0 ? `${names.slice(0, MAX_NAMED).join(', ')} and ${more} more` : names.join(', ');
}

/** `crash: “triple fault …” in 2`; of a pass there is no more to say. */
function reasonsText(members: readonly InstanceResult[]): string[] {
  const verdict = members[0]?.verdict ?? '';
  if (verdict === 'pass' || verdict === 'skip') return [];
  const counts = new Map<string, number>();
  for (const { reason } of members) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const told = [...counts].slice(0, MAX_REASONS).map(([reason, count]) => `“${reason}” in ${count}`);
  const more = counts.size - told.length;
  return [
    `${verdict}: ${told.join(', ')}${more > 0 ? `, and ${more} other reason${more > 1 ? 's' : ''}` : ''}`,
  ];
}

function repeatOf({ name }: InstanceResult): number {
  return repeatInName(name) ?? 0;
}
