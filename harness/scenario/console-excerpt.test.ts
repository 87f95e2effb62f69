import t from 'tap';
import { consoleExcerpt } from './console-excerpt.ts';

const MAP = ['loadbase: memory map', 'conv-mem 0', 'conv-mem 1', 'loadbase: memory map end'];

t.test('the memory map is left out, and that is said', async (t) => {
  const lines = ['loadbase: loader started', ...MAP, 'loadbase: loading', 'ERR: no!'];
  t.strictSame(consoleExcerpt(lines, 20), [
    'loadbase: loader started',
    'loadbase: memory map',
    '… (the memory map is in serial.log)',
    'loadbase: memory map end',
    'loadbase: loading',
    'ERR: no!',
  ]);
  t.strictSame(consoleExcerpt(lines.slice(3), 20), [
    '… (the memory map is in serial.log)',
    'loadbase: memory map end',
    'loadbase: loading',
    'ERR: no!',
  ]);
  t.strictSame(consoleExcerpt(lines, 1), ['ERR: no!']);
});

t.test('without a map the last lines as they are', async (t) => {
  t.strictSame(consoleExcerpt(['a', 'b', 'c'], 2), ['b', 'c']);
  t.strictSame(consoleExcerpt(MAP.slice(0, 3), 2), ['conv-mem 0', 'conv-mem 1'], 'it never ended');
  t.strictSame(consoleExcerpt([], 2), []);
});
