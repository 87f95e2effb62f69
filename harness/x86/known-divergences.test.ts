import t from 'tap';
import { HARDWARE } from './execute/habits.ts';
import { KNOWN_DIVERGENCES } from './known-divergences.ts';

t.test('each is said once, and each habit of QEMU is one of them', (t) => {
  const names = KNOWN_DIVERGENCES.map(({ what }) => what);
  t.same(names, [...new Set(names)]);
  const habits = KNOWN_DIVERGENCES.flatMap(({ habit }) => habit ?? []);
  t.same([...habits].sort(), Object.keys(HARDWARE).sort());
  t.end();
});
