/**
 * CLAIM: of the real Xen, each forgotten base is noticed; what nothing reads is told apart by proof; and no mutant leaves anything behind for the next run.
 */
import t from 'tap';
import { type EntryName, holdsAt } from './contract.ts';
import { basesForMutants, mutantsOfImage } from './image-mutants.ts';
import { judgeMutant } from './judge-mutant.ts';
import { modelOf } from './model-checker.ts';
import type { Mutant } from './mutants.ts';
import { isScoreReached, type MutationScore } from './mutation-score.ts';
import { realXen } from './testdata/real-xen.ts';
import { scoreMutants } from './workers/score-mutants.ts';

const data = await realXen();
const entries: readonly EntryName[] = ['bios', 'efi'];
const LEAST: Readonly<Record<EntryName, number>> = { bios: 70, efi: 190 };
const names = (mutants: readonly Pick<Mutant, 'kind' | 'linkTime'>[]) =>
  mutants.map(({ kind, linkTime }) => `${kind} ${linkTime}`);

t.test('the score', async (t) => {
  const made: number[] = [];
  let judged = 0;
  const { scores, refused } = await scoreMutants({
    ...{ data, entries, workers: 2 },
    onMade: (total) => made.push(total),
    onJudged: () => judged++,
  });
  t.same(refused, []);
  t.same(made, [judged]);
  t.ok(isScoreReached(scores));
  for (const { entry, total, killed, survivors, dead, idle, silent } of scores) {
    t.ok(total >= LEAST[entry], `${entry}: ${total} mutants`);
    t.equal(killed, total);
    t.same(survivors, []);
    t.match(idle, [{ because: /loop over one entry/ }], 'needed where that loop does not compare registers');
    t.ok(dead.length > 0 && dead.length < total / 8, `${dead.length} compute what nothing reads`);
    t.ok(silent > total / 4, `${silent} would boot as if nothing were wrong`);
  }
  t.equal(isScoreReached(scores.map((score): MutationScore => ({ ...score, killed: 0 }))), false);
});

t.test('mutants', async (t) => {
  const checker = await modelOf(data, 'bios');
  const { image } = checker;
  const bases = basesForMutants(image);
  t.equal(bases[0], 0x3e00000, 'where a real machine can load it, too');
  const { mutants, dead, unmade } = mutantsOfImage(checker);
  for (const list of [mutants, unmade, dead]) t.equal(new Set(names(list)).size, list.length, 'each once');
  const loadBase = bases[0] ?? 0;
  for (const mutant of mutants.slice(0, 20)) {
    judgeMutant(checker, mutant, bases, image.loaded);
    t.ok(holdsAt(checker.at(loadBase)), `after ${mutant.mutated} the image is as it was`);
  }
});
