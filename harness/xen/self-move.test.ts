import t from 'tap';
import { checkSelfMove, NO_ROOM_TO_MOVE } from './self-move.ts';

const LINK_BASE = 0x200000;
const SOURCE = { start: LINK_BASE, end: 0x5c8000 };
const check = (...lines: string[]) => checkSelfMove(lines, SOURCE, LINK_BASE);
const moved = (base: string) => `(XEN) New Xen image base address: ${base}`;
const refused = `(XEN) ${NO_ROOM_TO_MOVE}`;

t.test('past its own image, or a word', async (t) => {
  t.match(check('(XEN) Xen version 4.17.5', moved('0x400000')), [
    { ok: true, text: /to 0x00600000, past 0x005c8000/ },
  ]);
  t.match(check(refused), [{ ok: true, text: /no room/ }]);
});

t.test('over its own image, silence, and both at once', async (t) => {
  t.match(check(moved('0x200000')), [{ ok: false, text: /to 0x00400000, over its own image/ }]);
  t.match(check('(XEN) Xen version 4.17.5'), [{ ok: false, text: /0 new places and 0 times/ }]);
  t.match(check(moved('0x400000'), refused), [{ ok: false, text: /1 new places and 1 times/ }]);
  t.match(check(moved('0x400000'), moved('0x600000')), [{ ok: false, text: /2 new places/ }]);
});
