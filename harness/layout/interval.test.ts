import t from 'tap';
import { intersect, overlaps, rangeText, sizeOf, subtract, union } from './interval.ts';

const of = (...pairs: [number, number][]) => pairs.map(([start, end]) => ({ start, end }));

t.test('union sorts, joins what touches, and leaves out what is empty or inverted', async (t) => {
  t.strictSame(union(of([8, 9], [0, 4], [4, 6], [7, 7], [9, 3], [1, 2])), of([0, 6], [8, 9]));
});

t.test('subtract cuts holes, edges and wholes', async (t) => {
  t.strictSame(subtract(of([0, 10]), of([2, 3], [5, 5], [9, 20])), of([0, 2], [3, 9]));
  t.strictSame(subtract(of([0, 10]), of([0, 10])), []);
  t.strictSame(subtract(of([0, 4], [6, 8]), of([3, 7])), of([0, 3], [7, 8]));
  t.strictSame(subtract(of([0, 4]), []), of([0, 4]));
});

t.test('intersect and size', async (t) => {
  t.strictSame(intersect(of([0, 4], [6, 10]), of([2, 8])), of([2, 4], [6, 8]));
  t.equal(sizeOf(of([0, 4], [9, 3])), 4);
});

t.test('neighbours do not overlap, and nothing overlaps what is empty', async (t) => {
  t.notOk(overlaps({ start: 0, end: 4 }, { start: 4, end: 8 }));
  t.ok(overlaps({ start: 0, end: 5 }, { start: 4, end: 8 }));
  t.notOk(overlaps({ start: 2, end: 2 }, { start: 0, end: 8 }));
});

t.test('a range shows its last address', async (t) => {
  t.equal(rangeText({ start: 0x3e00000, end: 0x41c8000 }), '0x03e00000–0x041c7fff');
  t.equal(rangeText({ start: 16, end: 16 }), '0x00000010 (empty)');
});
