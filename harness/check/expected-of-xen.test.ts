import t from 'tap';
import { expectedOfXen } from './expected-of-xen.ts';

void t.test('a multiple of 2 MiB boots, any other base is refused', (t) => {
  for (const base of [0, 0x20_0000, 0x8000_0000, 0xffc0_0000])
    t.same(expectedOfXen(base), { kind: 'reached' }, base.toString(16));
  for (const base of [0x1000, 0x410_1000, 0x8010_0000])
    t.same(expectedOfXen(base), { kind: 'said', text: 'ERR: Xen must be loaded at a 2Mb boundary!' });
  t.end();
});
