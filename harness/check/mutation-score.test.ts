/** CLAIM: a survivor counts as one unless a reason is given or shown; a reason that nobody needs is told of. */
import t from 'tap';
import { xenExplanations } from './mutation-explanations.ts';
import { mutantSample } from './mutant-sample.ts';
import { type Judge, scoreMutants } from './mutation-score.ts';
import type { Mutant } from './mutants.ts';

const mutant = (linkTime: number, kind: Mutant['kind'], symbol: string, resultAt?: number): Mutant => ({
  ...{ kind, linkTime, imageOffset: linkTime, bitness: 32, count: 1, symbol },
  ...{ original: `lea ${linkTime}(%esi),%eax`, mutated: `lea ${linkTime},%eax` },
  edit: { bytes: new Uint8Array(6), ...(resultAt !== undefined && { resultAt }) },
});

t.test('a score', async (t) => {
  const mutants = [mutant(1, 'operand', 'a+0x1'), mutant(2, 'operand', 'a+0x2'), mutant(3, 'copy', 'b+0x0')];
  const judge: Judge = ({ linkTime }) => (linkTime === 1 ? { by: 'link-time-read' } : undefined);
  const because = 'both ways end alike';
  const explained = [
    { symbol: 'a+0x2', text: 'lea 2(%esi),%eax', because },
    { symbol: 'b+0x0', text: 'another instruction', because },
  ];
  t.match(scoreMutants(mutants, judge, explained), {
    ...{ total: 3, killed: 1, unused: 0, equivalent: 1, ofAll: 1 / 3, ofUsed: 1 / 3, ofNotEquivalent: 1 / 2 },
    survivors: [
      { mutant: { linkTime: 2 }, because },
      { mutant: { linkTime: 3 }, because: undefined },
    ],
    byKind: { operand: { total: 2, killed: 1 }, copy: { total: 1, killed: 0 } },
    idle: [{ symbol: 'b+0x0' }],
  });
  t.match(scoreMutants([], judge), { total: 0, ofAll: 1, ofUsed: 1, ofNotEquivalent: 1 });
});

t.test('an explanation may go by name and by what is named', async (t) => {
  const seg = { ...mutant(1, 'operand', 'a+0x1'), refersTo: 0x46_ae10 };
  const because = 'one entry';
  const equivalent = (explanation: object) =>
    scoreMutants([seg], () => undefined, [{ symbol: 'a', because, ...explanation }]).equivalent;
  t.equal(equivalent({ refersTo: 0x46_ae10 }), 1);
  t.equal(equivalent({ refersTo: 0x46_ae0c }), 0);
  t.equal(equivalent({ symbol: 'ab', refersTo: 0x46_ae10 }), 0);
  t.equal(equivalent({ symbol: 'a+0x1' }), 1);
  t.equal(equivalent({ symbol: 'a+0x2' }), 0);
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

t.test('a result that nothing uses: other wrong values end the same', async (t) => {
  const asked: (number | undefined)[] = [];
  const indifferent: Judge = (_mutant, off) => void asked.push(off);
  const unused = scoreMutants([mutant(1, 'computed', 'a+0x1', 1)], indifferent);
  t.match(unused, {
    unused: 1,
    equivalent: 1,
    ofUsed: 1,
    survivors: [{ because: /nothing on this way uses/ }],
  });
  t.equal(asked.length, 3);
  const used: Judge = (_mutant, off) => (off === undefined ? undefined : { by: 'asymmetry' });
  t.match(scoreMutants([mutant(1, 'computed', 'a+0x1', 1)], used), {
    ...{ unused: 0, equivalent: 0 },
    survivors: [{ because: undefined }],
  });
  t.match(scoreMutants([mutant(1, 'operand', 'a+0x1')], indifferent), { unused: 0 }, 'its result is not all');
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
