import t from 'tap';
import { excerptLines } from './excerpt.ts';
import { EXCERPT_LINES_MAX, EXCERPT_LINE_MAX } from './limits.ts';

t.test('a short excerpt is whole; ends of lines within an entry count', (t) => {
  t.same(excerptLines(), []);
  t.same(excerptLines(['one\r\ntwo', '', 'three']), ['one', 'two', '', 'three']);
  t.end();
});

t.test('a long one keeps its end, and says so', (t) => {
  for (const excerpt of [
    Array.from({ length: 1000 }, (_, index) => `line ${index}`),
    [Array.from({ length: 1000 }, (_, index) => `line ${index}`).join('\n')],
  ]) {
    const lines = excerptLines(excerpt);
    t.equal(lines.length, EXCERPT_LINES_MAX + 1);
    t.match(lines[0], 'earlier lines are in the evidence');
    t.equal(lines.at(-1), 'line 999');
  }
  t.equal(excerptLines(['x'.repeat(100_000)])[0]?.length, EXCERPT_LINE_MAX);
  t.end();
});
