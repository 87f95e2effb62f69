/** CLAIM: a survivor counts as one unless a reason is given; a reason that nobody needs is told of. */
import t from 'tap';
import { xenExplanations } from './mutation-explanations.ts';
import { mutantSample } from './mutant-sample.ts';
import { type Explanation, isScoreReached, type Killed, scoreJudgements } from './mutation-score.ts';
import type { Mutant } from './mutants.ts';

const mutant = (linkTime: number, kind: Mutant['kind'], symbol: string): Mutant => ({
  ...{ kind, linkTime, bitness: 32, count: 1, symbol, copiedTo: [] },
  ...{ original: `lea ${linkTime}(%esi),%eax`, mutated: `lea ${linkTime},%eax` },
  edit: { bytes: new Uint8Array(6) },
});
const shown: Killed = { by: 'link-time-read', loadBase: 0x40_0000, visibility: 'shows' };
const silent: Killed = { ...shown, visibility: 'silent' };

const scored = (
  judged: readonly (readonly [Mutant, Killed | undefined])[],
  explanations: readonly Explanation[] = [],
) =>
  scoreJudgements({
    ...{ entry: 'bios', dead: [], unmade: [], explanations },
    judgements: judged.map(([each, killed]) => ({ mutant: each, killed })),
  });

t.test('a score', (t) => {
  const because = 'both ways end alike';
  const score = scored(
    [
      [mutant(1, 'operand', 'a+0x1'), shown],
      [mutant(2, 'operand', 'a+0x2'), undefined],
      [mutant(3, 'copy', 'b+0x0'), undefined],
      [mutant(4, 'copy', 'b+0x4'), silent],
    ],
    [
      { symbol: 'a+0x2', text: 'lea 2(%esi),%eax', because },
      { symbol: 'b+0x0', text: 'another instruction', because },
    ],
  );
  t.match(score, {
    ...{ entry: 'bios', total: 4, killed: 2, score: 0.5, silent: 1 },
    survivors: [
      { mutant: { linkTime: 2 }, because },
      { mutant: { linkTime: 3 }, because: undefined },
    ],
    byKind: { operand: { total: 2, killed: 1 }, copy: { total: 2, killed: 1 } },
    idle: [{ symbol: 'b+0x0' }],
  });
  t.match(scored([]), { total: 0, score: 1 });
  t.end();
});

t.test('enough: 99 in 100, and each survivor explained', (t) => {
  const killed = (count: number) =>
    Array.from({ length: count }, (_, n) => [mutant(n, 'copy', 'a+0x1'), shown] as const);
  const survivor = [mutant(500, 'operand', 'b+0x0'), undefined] as const;
  const reason = [{ symbol: 'b', because: 'it is unused' }];
  t.ok(isScoreReached([scored(killed(3))]));
  t.ok(isScoreReached([scored([...killed(99), survivor], reason)]));
  t.notOk(isScoreReached([scored([...killed(99), survivor])]), 'unexplained');
  t.notOk(isScoreReached([scored([...killed(98), survivor], reason)]));
  t.ok(isScoreReached([scored([...killed(50), survivor], reason), scored(killed(60))]), 'of all entries');
  t.end();
});

t.test('an explanation may go by name and by what is named', (t) => {
  const seg = { ...mutant(1, 'operand', 'a+0x1'), refersTo: 0x46_ae10 };
  const isExplained = (explanation: object) =>
    scored([[seg, undefined]], [{ symbol: 'a', because: 'one entry', ...explanation }]).idle.length === 0;
  t.ok(isExplained({ refersTo: 0x46_ae10 }));
  t.notOk(isExplained({ refersTo: 0x46_ae0c }));
  t.notOk(isExplained({ symbol: 'ab', refersTo: 0x46_ae10 }));
  t.ok(isExplained({ symbol: 'a+0x1' }));
  t.notOk(isExplained({ symbol: 'a+0x2' }));
  t.end();
});

t.test('of Xen, only where it is so', async (t) => {
  const symbols = (entryBytes: number) => ({
    has: () => true,
    linkTime: (name: string) => (name === '__trampoline_seg_start' ? 0x1000 : 0x1000 + entryBytes),
  });
  t.match(xenExplanations(symbols(4)), [
    { symbol: 'trampoline_setup', refersTo: 0x1004, because: /one entry/ },
  ]);
  t.same(xenExplanations(symbols(8)), [], 'two entries: the second would be left out');
  t.same(xenExplanations({ ...symbols(4), has: () => false }), []);
});

t.test('a sample', async (t) => {
  const mutants = [
    ...Array.from({ length: 30 }, (_, i) => mutant(i, 'operand', `a+0x${i.toString(16)}`)),
    ...[mutant(40, 'operand', 'b+0x0'), mutant(41, 'copy', 'b+0x1'), mutant(42, 'relative', 'c+0x1')],
  ];
  const sample = mutantSample(mutants, 4, 7);
  t.same(new Set(sample.map(({ kind }) => kind)), new Set(['operand', 'copy', 'relative']));
  t.ok(
    sample.some(({ symbol }) => symbol === 'b+0x0'),
    'of the symbols of a kind, too',
  );
  t.same(mutantSample([...mutants].reverse(), 4, 7), sample, 'the same, whatever the order');
  t.notSame(mutantSample(mutants, 4, 8), sample);
  t.equal(mutantSample(mutants, 100, 7).length, 33);
  t.same(mutantSample([], 3, 7), []);
});
