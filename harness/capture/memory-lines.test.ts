import t from 'tap';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { changedLines, differingRuns, unknownRuns } from './memory-lines.ts';

/** Zeros but for these bytes, by offset. */
function page(bytes: Readonly<Record<number, number>> = {}): Uint8Array {
  const made = new Uint8Array(PAGE_BYTES);
  for (const [at, value] of Object.entries(bytes)) made[Number(at)] = value;
  return made;
}

const ones = (except: readonly number[] = []) => {
  const known = new Uint8Array(PAGE_BYTES).fill(1);
  for (const at of except) known[at] = 0;
  return known;
};

t.test('changed lines: neighbours are one; a line with an unknown byte is none', (t) => {
  const now = page({ 0: 1, 64: 1, 200: 1, 4095: 1 });
  t.same(changedLines(page(), page(), undefined), []);
  const all = [
    { start: 0, end: 128 },
    { start: 192, end: 256 },
    { start: 4032, end: 4096 },
  ];
  t.same(changedLines(page(), now, undefined), all);
  t.same(changedLines(page(), now, ones([255])), [all[0], all[2]]);
  t.end();
});

t.test('differing runs: the real bytes; short gaps are taken along, unless they are unknown', (t) => {
  const real = page({ 10: 1, 17: 2, 30: 3 });
  const shown = (known?: Uint8Array) =>
    differingRuns(2, page(), real, known).map(({ address, bytes }) => [address - 0x2000, [...bytes]]);
  t.same(shown(), [
    [10, [1, 0, 0, 0, 0, 0, 0, 2]],
    [30, [3]],
  ]);
  t.same(shown(ones([12, 30])), [
    [10, [1]],
    [17, [2]],
  ]);
  t.same(differingRuns(2, real, real, undefined), []);
  t.end();
});

t.test('unknown runs: whole lines around an access, but not what is known, nor the next page', (t) => {
  const real = page({ 64: 9, 127: 8, 4095: 7 });
  const none = new Uint8Array(PAGE_BYTES);
  const shown = (known: Uint8Array, start: number, end: number) =>
    unknownRuns(1, real, known, { start, end }).map(({ address, bytes }) => [
      address - 0x1000,
      bytes.length,
      bytes[0],
      bytes.at(-1),
    ]);
  t.same(shown(none, 70, 74), [[64, 64, 9, 8]]);
  t.same(shown(none, 126, 130), [[64, 128, 9, 0]], 'an access of two lines');
  t.same(shown(none, 4094, 4096), [[4032, 64, 0, 7]]);
  const some = none.slice();
  some.fill(1, 80, 100);
  t.same(shown(some, 64, 65), [
    [64, 16, 9, 0],
    [100, 28, 0, 8],
  ]);
  t.end();
});
