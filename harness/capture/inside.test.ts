import t from 'tap';
import { isInside, withoutAddresses } from './inside.ts';

const ranges = [
  { start: 0n, end: 0x10n },
  { start: 0x20n, end: 0x30n },
];

t.test('ends are outside', async (t) => {
  t.ok(isInside(ranges, 0n));
  t.ok(isInside(ranges, 0x2fn));
  for (const outside of [0x10n, 0x1fn, 0x30n]) t.notOk(isInside(ranges, outside));
});

t.test('single addresses are left out', async (t) => {
  t.same(withoutAddresses(ranges, [0n, 0x25n, 0x2fn, 0x100n]), [
    { start: 1n, end: 0x10n },
    { start: 0x20n, end: 0x25n },
    { start: 0x26n, end: 0x2fn },
  ]);
});
