import t from 'tap';
import { differences, patternAt } from './memory-pattern.ts';

t.test('the pattern depends on the address alone, and has no zero byte', async (t) => {
  const whole = patternAt(0x10_0000 - 8, 16);
  t.strictSame(whole.subarray(8), patternAt(0x10_0000, 8));
  t.strictSame(patternAt(0x3e0_0000, 64), patternAt(0, 64));
  t.notSame(patternAt(0, 4096), patternAt(4096, 4096));
  t.ok(patternAt(0, 0x10_0000).every((byte) => byte !== 0));
  t.throws(() => patternAt(0, 0x10_0001), RangeError);
});

t.test('differences: near ones are one, far ones are not, and there is a limit', async (t) => {
  const wanted = new Uint8Array(256);
  const seen = Uint8Array.from(wanted);
  for (const at of [3, 5, 100, 200]) seen[at] = 1;
  t.strictSame(differences(seen, wanted, 9), [
    { from: 3, to: 6 },
    { from: 100, to: 101 },
    { from: 200, to: 201 },
  ]);
  t.equal(differences(seen, wanted, 2).length, 2);
  t.strictSame(differences(wanted, wanted, 2), []);
});
