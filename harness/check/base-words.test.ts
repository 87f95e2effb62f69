import t from 'tap';
import { basesInWords, type TriedBases } from './base-words.ts';

const MIB2 = 0x200000;
const slots = Array.from({ length: 2046 }, (_, index) => (index + 1) * MIB2);
const among: TriedBases = {
  tried: [...slots, 0x4001000, 0x4100000].sort((a, b) => a - b),
  linkBase: MIB2,
  isMisaligned: (base) => base % MIB2 !== 0,
};

t.test('few words for any set', (t) => {
  const cases: [bases: readonly number[], words: string][] = [
    [among.tried, 'all 2,046 bases and all 2 misaligned bases'],
    [slots, 'all 2,046 bases'],
    [slots.slice(1), 'all 2,046 bases but the link base'],
    [among.tried.slice(1), 'all 2,046 bases but the link base, and all 2 misaligned bases'],
    [slots.filter((base) => base > 0x600000), 'all 2,046 bases but the link base, 0x00400000 and 0x00600000'],
    [[0x400000, 0x600000], '0x00400000 and 0x00600000'],
    [[0x600000, 0x4001000], '0x00600000 and 0x04001000'],
    [[MIB2], 'the link base'],
    [[], 'no base'],
    [slots.filter((base) => base >= 0x80000000), '1,023 bases (0x80000000…0xffc00000)'],
    [
      slots.filter((base) => base < 0x1000000 || base >= 0x80000000),
      '1,030 bases (0x00200000…0x00e00000 and 0x80000000…0xffc00000)',
    ],
    [slots.filter((_, index) => index % 2 === 0), '1,023 bases (0x00200000, 0x00600000, 0x00a00000, …)'],
  ];
  for (const [bases, words] of cases) t.equal(basesInWords(bases, among), words);
  t.end();
});

t.test('one base that was tried', (t) => {
  t.equal(basesInWords([0x400000], { ...among, tried: [0x400000] }), '0x00400000');
  t.end();
});
