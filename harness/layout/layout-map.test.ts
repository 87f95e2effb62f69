import t from 'tap';
import {
  drawLayout,
  freeMemory,
  layoutMap,
  normalised,
  unowned,
  type MapRegion,
  type Part,
} from './layout-map.ts';

const MIB = 1024 * 1024;
const region = (
  start: number,
  end: number,
  use: MapRegion['use'] = 'free',
  label: string = use,
): MapRegion => ({
  start,
  end,
  use,
  label,
});
const MAP = [
  region(0, 0x9fc00),
  region(0x9fc00, 0x100000, 'reserved', 'EBDA and ROM'),
  region(MIB, 64 * MIB),
];
const xen: Part = { name: 'Xen', start: 4 * MIB, end: 8 * MIB };

t.test('parts apart from each other, in free memory', async (t) => {
  const map = layoutMap(MAP, [
    { name: 'module 0', start: 8 * MIB, end: 9 * MIB },
    xen,
    { name: 'BIOS data', start: 0x9f000, end: 0xa0000, home: 'any' },
  ]);
  t.strictSame(map.problems, []);
  t.strictSame(map.remarks, []);
  t.strictSame(
    map.parts.map(({ name }) => name),
    ['BIOS data', 'Xen', 'module 0'],
  );
  t.strictSame(unowned(map), [
    { start: 0, end: 0x9f000 },
    { start: MIB, end: 4 * MIB },
    { start: 9 * MIB, end: 64 * MIB },
  ]);
});

t.test('a module over Xen, by one byte', async (t) => {
  const { problems } = layoutMap(MAP, [xen, { name: 'module 0', start: 8 * MIB - 1, end: 9 * MIB }]);
  t.strictSame(problems, ['module 0 (0x007fffff–0x008fffff) overlaps Xen (0x00400000–0x007fffff)']);
});

t.test('a small part inside a large one is seen past others', async (t) => {
  const { problems } = layoutMap(MAP, [
    { name: 'a', start: 2 * MIB, end: 9 * MIB },
    { name: 'b', start: 3 * MIB, end: 4 * MIB },
    { name: 'c', start: 5 * MIB, end: 6 * MIB },
  ]);
  t.equal(problems.length, 2);
  t.match(problems[1], /^c .* overlaps a /);
});

t.test('many collisions are not told one by one', async (t) => {
  const parts = Array.from({ length: 200 }, (_, i) => ({ name: `m${i}`, start: 2 * MIB, end: 3 * MIB }));
  t.equal(layoutMap(MAP, parts).problems.length, 9);
});

t.test('a part that the firmware keeps, or that lies in no memory, or ends before it starts', async (t) => {
  const at = (start: number, end: number) => layoutMap(MAP, [{ name: 'module 0', start, end }]).problems;
  t.match(at(0x9f000, 0xa0000)[0], /covers 0x0009fc00–0x0009ffff: EBDA and ROM, which the firmware keeps/);
  t.match(at(63 * MIB, 65 * MIB)[0], /covers 0x04000000–0x040fffff: no memory at all/);
  t.match(at(3 * MIB, 2 * MIB)[0], /module 0 ends at 0x200000, before its start 0x300000/);
});

t.test('memory maps as hostile firmware gives them are put right, and that is told', async (t) => {
  const { regions, remarks } = normalised([
    region(MIB, 8 * MIB),
    region(0, 0x9f000),
    region(5, 5, 'reserved'),
    region(9, 4, 'reserved'),
    region(2 * MIB, 3 * MIB, 'reserved'),
    region(2 * MIB, 4 * MIB, 'loader'),
  ]);
  t.strictSame(
    regions.map(({ start, end, use }) => [start, end, use]),
    [
      [0, 0x9f000, 'free'],
      [MIB, 2 * MIB, 'free'],
      [2 * MIB, 3 * MIB, 'reserved'],
      [3 * MIB, 4 * MIB, 'loader'],
      [4 * MIB, 8 * MIB, 'free'],
    ],
  );
  t.match(remarks, [/^2 of .* empty/, /not in ascending order/, /overlap \(3145728 bytes\); the stricter/]);
});

t.test('more entries than many kernels keep', async (t) => {
  const many = Array.from({ length: 300 }, (_, i) => region(2 * i * 4096, (2 * i + 1) * 4096));
  const map = layoutMap(many, []);
  t.match(map.remarks, [/^the memory map has 300 entries/]);
  t.equal(freeMemory(map.regions).length, 300);
});

t.test('thousands of entries that all overlap are handled', async (t) => {
  const nested = Array.from({ length: 4096 }, (_, i) => region(i, 100_000 - i, i % 2 ? 'free' : 'reserved'));
  t.strictSame(freeMemory(layoutMap(nested, []).regions), []);
});

t.test('without a map only collisions can be told', async (t) => {
  t.strictSame(layoutMap([], [xen]).problems, []);
});

t.test('drawn', async (t) => {
  const map = layoutMap(
    [...MAP, region(64 * MIB, 65 * MIB, 'free', 'more')],
    [
      xen,
      { name: 'module 0', start: 7 * MIB, end: 9 * MIB },
      { name: 'lost', start: 70 * MIB, end: 71 * MIB },
    ],
  );
  t.strictSame(drawLayout(map).slice(0, 6), [
    '0x00000000–0x0009fbff  free',
    '0x0009fc00–0x000fffff  EBDA and ROM',
    '0x00100000–0x040fffff  free, more',
    '  0x00400000–0x007fffff  Xen',
    '  0x00700000–0x008fffff  module 0',
    '  0x04600000–0x046fffff  lost (in no memory of the map)',
  ]);
  t.match(drawLayout(map).at(-1), /^WRONG: /);
});
